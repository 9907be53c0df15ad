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
        let question = "Say who I am.";
        self.0.send(question);
        self.0.sees(question);
        self.0.send("\r");
        self.0.sees(&format!("I answer acct-{name}."));
        // Until then it asks what is to happen to the task.
        self.0.sees("Worked for");
    }

    /// Leaves it, as a person does.
    pub fn quit(mut self) {
        self.0.send("\x03");
        assert_eq!(self.0.code(), 0);
    }
}
