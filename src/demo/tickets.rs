//! Values with a name and a lifetime: forms, authorization codes, waiting devices.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More than any honest use needs. At the limit the oldest gives way, so memory stays flat.
const CAPACITY: usize = 1_000;

/// Values by name, each of which can be taken once.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    waiting: VecDeque<Ticket<T>>,
}

#[derive(Debug)]
pub(super) struct Ticket<T> {
    name: String,
    expires: Instant,
    pub(super) value: T,
}

impl<T> Ticket<T> {
    pub(super) fn is_valid(&self) -> bool {
        Instant::now() < self.expires
    }
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }
}

impl<T> Tickets<T> {
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

    /// Returns one that was not taken, expired or not.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Ticket<T>> {
        self.waiting.iter_mut().find(|ticket| ticket.name == name)
    }

    /// Returns all that were not taken, oldest first, expired or not.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Ticket<T>> {
        self.waiting.iter_mut()
    }

    /// Takes the value out, and returns it unless it has expired.
    pub(super) fn take(&mut self, name: &str) -> Option<T> {
        let index = self.waiting.iter().position(|ticket| ticket.name == name)?;
        let ticket = self.waiting.remove(index)?;
        ticket.is_valid().then_some(ticket.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_taken_once_and_not_after_it_expired() {
        let mut tickets = Tickets::default();
        tickets.put("a".to_owned(), Duration::from_mins(1), 1);
        tickets.put("b".to_owned(), Duration::ZERO, 2);
        assert_eq!(tickets.take("a"), Some(1));
        assert_eq!(tickets.take("a"), None);
        assert_eq!(tickets.take("b"), None);
    }

    #[test]
    fn the_oldest_ticket_gives_way() {
        let mut tickets = Tickets::default();
        for n in 0..=CAPACITY {
            tickets.put(n.to_string(), Duration::from_mins(1), n);
        }
        assert_eq!(tickets.take("0"), None);
        assert_eq!(tickets.take("1"), Some(1));
    }
}
