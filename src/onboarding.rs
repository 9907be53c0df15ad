//! The full screen: an event becomes a [`Message`], [`update()`] changes the
//! [`Model`] and answers with [`Effect`]s, and [`view()`] draws it.

mod clock;
mod effect;
mod message;
mod model;
mod qr;
mod text_field;
mod theme;
mod update;
mod view;

pub use clock::Expiry;
pub use effect::{Effect, Outcome};
pub use message::{Key, Message};
pub use model::{
    Account, AccountStep, ApiKey, Attempt, Choice, Code, Facts, Failure, Method, Model, Note,
    Remote, Screen, SignedIn, Welcome,
};
pub use qr::Qr;
pub use text_field::{TextField, TooLong};
pub use update::update;
pub use view::{Hyperlink, view};
