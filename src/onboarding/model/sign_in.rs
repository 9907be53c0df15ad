//! The state of a running sign-in.

use std::time::Duration;

use super::Note;
use crate::error::Error;
use crate::onboarding::text_field::TextField;
use crate::sign_in::{DeviceCode, Link};

/// The way in which a sign-in was started, and is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From "Sign in with ChatGPT".
    Browser,
    /// From "Sign in with a device code".
    DeviceCode,
}

/// A running sign-in as the person sees it.
#[derive(Clone, Debug)]
pub struct SignInScreen {
    /// The way in which it was started.
    pub method: Method,
    /// The part that is shown.
    pub step: SignInStep,
    /// The first tick that saw it.
    pub since: Option<Duration>,
    /// The link, once the callback server listens.
    pub link: Option<Link>,
    /// The field for the address that the browser landed on.
    pub paste: TextField,
    /// Letters go into that field.
    pub typing: bool,
    /// The state of the device code.
    pub code: CodeStep,
    /// The latest note.
    pub note: Option<Note>,
}

/// The part of a running sign-in that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// The link, and the field to paste into.
    Waiting,
    /// The device code.
    DeviceCode,
    /// Approved: tokens are being fetched and saved.
    Exchanging,
}

impl SignInScreen {
    /// A sign-in of which nothing has been heard yet.
    pub fn new(method: Method) -> Self {
        let (step, code) = match method {
            Method::Browser => (SignInStep::Waiting, CodeStep::NotAsked),
            Method::DeviceCode => (SignInStep::DeviceCode, CodeStep::Asked),
        };
        Self {
            method,
            step,
            since: None,
            link: None,
            paste: TextField::default(),
            typing: false,
            code,
            note: None,
        }
    }
}

/// The state of the device code.
#[derive(Clone, Debug)]
pub enum CodeStep {
    /// None was requested.
    NotAsked,
    /// Requested.
    Asked,
    /// It can be used.
    Issued {
        /// The code and where it goes.
        code: DeviceCode,
        /// The rows of a QR code of the address, for a phone's camera; none where that is no use.
        qr: Vec<String>,
        /// The time when it expires, on the clock of the ticks: the first one after it tells.
        ends: Option<Duration>,
    },
    /// It could not be had, or is no longer valid.
    Failed(Error),
}
