//! The full screen of Codex, which leaves a daemon running.

use std::process::Command;

use crate::machine::Machine;
use crate::pty::Pty;

pub struct Screen(Pty);

impl Screen {
    /// Starts it, and waits until it can be typed into.
    pub fn open(machine: &Machine, command: &Command) -> Self {
        let pty = machine.in_terminal(command);
        pty.sees("? for shortcuts");
        Self(pty)
    }

    /// Asks who is asking, and waits for this account to be the answer.
    #[track_caller]
    pub fn answers_as(&mut self, name: &str) {
        let before = self.0.output().len();
        let question = "Say who I am.";
        let asked = |text: &str| text.matches(question).count();
        let count = asked(&self.0.text());
        self.0.send(question);
        // With the keys at once it would be a paste, and Enter a line of it.
        self.0
            .until(question, |screen, _| asked(&screen.contents()) > count);
        self.0.send("\r");
        let answer = format!("I answer acct-{name}.");
        self.0.until(&answer, |screen, output| {
            let new = String::from_utf8_lossy(&output[before..]);
            // Until then it asks what is to happen to the task.
            screen.contents().contains(&answer) && new.contains("Worked for")
        });
    }

    /// Leaves it, as a person does.
    pub fn quit(mut self) {
        self.0.send("\x03");
        assert_eq!(self.0.code(), 0);
    }
}
