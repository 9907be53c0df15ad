//! The program on its full screen, and a person who uses it.

use std::ffi::OsString;

use crate::issuer::{Fault, Route};
use crate::pty::{Launch, Pty};
use crate::stage::{PROGRAM, Stage};

/// Every screen on which the program can be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Welcome,
    Waiting,
    DeviceCode,
    ApiKey,
    Success,
    Failure,
    Account,
    Help,
}

impl Place {
    pub const ALL: [Self; 8] = [
        Self::Welcome,
        Self::Waiting,
        Self::DeviceCode,
        Self::ApiKey,
        Self::Success,
        Self::Failure,
        Self::Account,
        Self::Help,
    ];
}

/// The usual program in the usual terminal.
pub fn launch(stage: &Stage) -> Launch {
    Launch {
        program: OsString::from(PROGRAM),
        arguments: stage.arguments(),
        environment: stage.environment(),
        columns: 80,
        rows: 24,
    }
}

/// At the choices.
pub fn start(stage: &Stage) -> Pty {
    let pty = launch(stage).start();
    pty.sees(welcome::SIGN);
    pty
}

/// At this screen.
pub fn at(stage: &Stage, place: Place, launch: Launch) -> Pty {
    if place == Place::Account {
        stage.sign_in();
    }
    let mut pty = launch.start();
    walk(stage, &mut pty, place);
    pty
}

/// Does this for every screen, one thread each.
pub fn everywhere(act: impl Fn(Place) + Sync) {
    std::thread::scope(|scope| {
        for place in Place::ALL {
            let act = &act;
            scope.spawn(move || act(place));
        }
    });
}

/// The text by which a screen is known.
pub mod welcome {
    pub const SIGN: &str = "1  Sign in with ChatGPT";
}

/// From the choices to a link that waits for somebody.
pub fn wait_for_link(pty: &mut Pty) -> String {
    pty.send("1");
    pty.sees("Finish signing in via your browser");
    link(pty)
}

/// The link on the screen, once it is there.
pub fn link(pty: &Pty) -> String {
    pty.until("a link", |_, output| authorization_url(output).is_some());
    authorization_url(&pty.output()).unwrap()
}

/// The last authorization URL that an OSC 8 hyperlink leads to.
pub fn authorization_url(output: &[u8]) -> Option<String> {
    let targets = crate::hyperlinks::targets(output);
    let mut links = targets
        .into_iter()
        .filter(|target| target.contains("/oauth/authorize?"));
    links.next_back()
}

/// The code on the device screen, once it is there.
pub fn device_code(pty: &Pty) -> String {
    pty.sees("┗━");
    let text = pty.text();
    let row = text.lines().find(|row| row.contains('┃')).unwrap();
    row.split('┃').nth(1).unwrap().trim().to_owned()
}

/// Walks to a screen from wherever the program opens, which is the account when the stage
/// is signed in.
pub fn walk(stage: &Stage, pty: &mut Pty, place: Place) {
    match place {
        Place::Welcome => pty.sees(welcome::SIGN),
        Place::Account => pty.sees("Keep this account"),
        Place::Help => {
            walk(stage, pty, Place::Welcome);
            pty.send("?");
            pty.sees("any key go back");
        }
        Place::Waiting => {
            walk(stage, pty, Place::Welcome);
            wait_for_link(pty);
        }
        Place::DeviceCode => {
            walk(stage, pty, Place::Welcome);
            pty.send("3");
            device_code(pty);
        }
        Place::ApiKey => {
            walk(stage, pty, Place::Welcome);
            pty.send("2");
            pty.sees("Paste or type your key");
        }
        Place::Success => {
            walk(stage, pty, Place::Welcome);
            let link = wait_for_link(pty);
            stage.browse(&stage.approve(&link));
            pty.sees("Signed in with your ChatGPT account");
        }
        Place::Failure => {
            let refusal = Fault::Status(400, r#"{"error":"invalid_grant"}"#.to_owned());
            stage.issuer.fault(Route::Token, refusal);
            walk(stage, pty, Place::Welcome);
            let link = wait_for_link(pty);
            stage.browse(&stage.approve(&link));
            pty.sees("Sign-in did not complete");
        }
    }
}
