//! Devices that wait for a person's decision.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::profile::Profile;

/// More than any honest use needs. At the limit the oldest gives way, so memory stays flat.
const CAPACITY: usize = 1_000;

/// Devices that asked for a code, oldest first.
#[derive(Debug, Default)]
pub(super) struct Devices(VecDeque<WaitingDevice>);

#[derive(Debug)]
struct WaitingDevice {
    device_auth_id: String,
    user_code: String,
    expires: Instant,
    decision: Decision,
}

#[derive(Debug)]
enum Decision {
    Pending,
    Denied,
    /// Approved by this account.
    Approved(Box<Profile>),
    /// Approved, and the authorization code was handed out.
    Collected,
}

/// The reason why a device gets no authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCollected {
    Unknown,
    Expired,
    Pending,
    Denied,
    CollectedBefore,
}

impl Devices {
    pub(super) fn add(&mut self, device_auth_id: String, user_code: String, lifetime: Duration) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(WaitingDevice {
            device_auth_id,
            user_code,
            expires: Instant::now() + lifetime,
            decision: Decision::Pending,
        });
    }

    /// Returns the account that approved the device, once.
    pub(super) fn collect(
        &mut self,
        device_auth_id: &str,
        user_code: &str,
    ) -> Result<Profile, NotCollected> {
        let device = self.0.iter_mut().find(|device| {
            device.device_auth_id == device_auth_id && device.user_code == user_code
        });
        let device = device.ok_or(NotCollected::Unknown)?;
        if device.expires <= Instant::now() {
            return Err(NotCollected::Expired);
        }
        let profile = match &device.decision {
            Decision::Pending => return Err(NotCollected::Pending),
            Decision::Denied => return Err(NotCollected::Denied),
            Decision::Collected => return Err(NotCollected::CollectedBefore),
            Decision::Approved(profile) => (**profile).clone(),
        };
        device.decision = Decision::Collected;
        Ok(profile)
    }

    /// Returns the codes that wait for a person.
    pub(super) fn waiting(&self) -> Vec<String> {
        let now = Instant::now();
        self.0
            .iter()
            .filter(|it| matches!(it.decision, Decision::Pending) && it.expires > now)
            .map(|it| it.user_code.clone())
            .collect()
    }

    /// Records the person's decision, with the account that approves or with none for a
    /// denial. Returns whether a device was waiting with this code.
    pub(super) fn decide(&mut self, typed: &str, approved_by: Option<Profile>) -> bool {
        let typed = normalized(typed);
        let now = Instant::now();
        let device = self.0.iter_mut().find(|device| {
            matches!(device.decision, Decision::Pending)
                && device.expires > now
                && normalized(&device.user_code) == typed
        });
        let Some(device) = device else {
            return false;
        };
        device.decision = match approved_by {
            Some(profile) => Decision::Approved(Box::new(profile)),
            None => Decision::Denied,
        };
        true
    }
}

/// Drops case and dashes: people type `wdjbmjhtx` (RFC 8628, section 6.1).
fn normalized(user_code: &str) -> String {
    let letters = user_code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_device_gives_way() {
        let mut devices = Devices::default();
        for n in 0..=CAPACITY {
            devices.add(n.to_string(), n.to_string(), Duration::from_mins(1));
        }
        assert_eq!(
            devices.collect("0", "0").unwrap_err(),
            NotCollected::Unknown
        );
        assert_eq!(
            devices.collect("1", "1").unwrap_err(),
            NotCollected::Pending
        );
    }
}
