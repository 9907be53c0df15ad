//! Single-use values: forms and authorization codes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More than any honest use needs. At the limit the oldest gives way, so memory stays flat.
const CAPACITY: usize = 1_000;

/// Values that can be taken once, by name.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    waiting: VecDeque<Ticket<T>>,
}

#[derive(Debug)]
struct Ticket<T> {
    name: String,
    expires: Instant,
    value: T,
}

impl<T> Tickets<T> {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn put(&mut self, name: String, lifetime: Duration, value: T) {
        if self.waiting.len() == CAPACITY {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Ticket {
            name,
            expires: Instant::now() + lifetime,
            value,
        });
    }

    /// Takes the value out, and returns it unless it has expired.
    pub(super) fn take(&mut self, name: &str) -> Option<T> {
        let index = self.waiting.iter().position(|ticket| ticket.name == name)?;
        let ticket = self.waiting.remove(index)?;
        (Instant::now() < ticket.expires).then_some(ticket.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_taken_once_and_not_after_it_expired() {
        let mut tickets = Tickets::new();
        tickets.put("a".to_owned(), Duration::from_mins(1), 1);
        tickets.put("b".to_owned(), Duration::ZERO, 2);
        assert_eq!(tickets.take("a"), Some(1));
        assert_eq!(tickets.take("a"), None);
        assert_eq!(tickets.take("b"), None);
    }

    #[test]
    fn the_oldest_ticket_gives_way() {
        let mut tickets = Tickets::new();
        for n in 0..=CAPACITY {
            tickets.put(n.to_string(), Duration::from_mins(1), n);
        }
        assert_eq!(tickets.take("0"), None);
        assert_eq!(tickets.take("1"), Some(1));
    }
}
