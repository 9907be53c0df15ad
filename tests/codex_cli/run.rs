//! Runs of a program, and what it says.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::transcript::Transcript;

/// All that a program has said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A program that goes on.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub stdout: Transcript,
    pub stderr: Transcript,
}

/// Starts a program that can be typed to.
pub fn start(mut command: Command) -> Running {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    Running {
        stdin: child.stdin.take(),
        stdout: Transcript::of(child.stdout.take().unwrap()),
        stderr: Transcript::of(child.stderr.take().unwrap()),
        child,
    }
}

impl Running {
    /// Writes to its standard input. One that refuses at once reads nothing.
    pub fn types(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(text.as_bytes());
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends its standard input, and waits for its end.
    pub fn ends(mut self) -> Said {
        self.stdin = None;
        Said {
            code: self.child.wait().unwrap().code(),
            stdout: self.stdout.all().unwrap(),
            stderr: self.stderr.all().unwrap(),
        }
    }
}

/// Starts a program that nobody listens to.
pub fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Runs a program to its end.
pub fn say(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn failed(self, words: &str) -> Self {
        assert!(self.code.is_some_and(|code| code != 0), "{self:#?}");
        assert!(self.all().contains(words), "no {words:?} in {self:#?}");
        self
    }

    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
