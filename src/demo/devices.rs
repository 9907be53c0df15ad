//! Devices that wait for a person's decision.

use std::time::Duration;

use super::answers::ErrorAnswer;
use super::profile::Profile;
use super::tickets::Tickets;

/// Devices that asked for a code.
#[derive(Debug, Default)]
pub(super) struct Devices(Tickets<WaitingDevice>);

#[derive(Debug)]
struct WaitingDevice {
    user_code: String,
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

impl Devices {
    pub(super) fn add(&mut self, device_auth_id: String, user_code: String, lifetime: Duration) {
        let device = WaitingDevice {
            user_code,
            decision: Decision::Pending,
        };
        self.0.put(device_auth_id, lifetime, device);
    }

    /// Returns the account that approved the device, once.
    pub(super) fn collect(
        &mut self,
        device_auth_id: &str,
        user_code: &str,
    ) -> Result<Profile, ErrorAnswer> {
        let refuse = |error, text| Err(ErrorAnswer::oauth(error, text));
        let ticket = self.0.get_mut(device_auth_id);
        let Some(ticket) = ticket.filter(|it| it.value.user_code == user_code) else {
            return refuse("invalid_grant", "unknown device_auth_id or user_code");
        };
        if !ticket.is_valid() {
            return refuse("expired_token", "The code has expired.");
        }
        let decision = &mut ticket.value.decision;
        match decision {
            Decision::Pending => Err(ErrorAnswer::device_pending()),
            Decision::Denied => refuse("access_denied", "The person denied the request."),
            Decision::Collected => refuse("invalid_grant", "collected before"),
            Decision::Approved(profile) => {
                let profile = Profile::clone(profile);
                *decision = Decision::Collected;
                Ok(profile)
            }
        }
    }

    /// Returns the codes that wait for a person.
    pub(super) fn waiting(&mut self) -> Vec<String> {
        let pending = self.pending();
        pending.map(|device| device.user_code.clone()).collect()
    }

    /// Records the person's decision, with the account that approves or with none for a
    /// denial. Returns whether a device was waiting with this code.
    pub(super) fn decide(&mut self, typed: &str, approved_by: Option<Profile>) -> bool {
        let typed = normalized(typed);
        let mut pending = self.pending();
        let Some(device) = pending.find(|device| normalized(&device.user_code) == typed) else {
            return false;
        };
        device.decision = match approved_by {
            Some(profile) => Decision::Approved(Box::new(profile)),
            None => Decision::Denied,
        };
        true
    }

    fn pending(&mut self) -> impl Iterator<Item = &mut WaitingDevice> {
        let valid = self.0.iter_mut().filter(|ticket| ticket.is_valid());
        let devices = valid.map(|ticket| &mut ticket.value);
        devices.filter(|device| matches!(device.decision, Decision::Pending))
    }
}

/// Drops case and dashes: people type `wdjbmjhtx` (RFC 8628, section 6.1).
fn normalized(user_code: &str) -> String {
    let letters = user_code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}
