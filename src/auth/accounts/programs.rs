//! Programs that hold the active account in memory: the Codex CLI, running on this codex home.

use std::fmt;
use std::path::PathBuf;

use super::Accounts;
use crate::platform::path_of;

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

impl Accounts {
    /// Lists them, as far as the system tells (Linux). After another account was made the
    /// active one, they go on as the old one, and may save it over the new one.
    pub fn programs(&self) -> Vec<Program> {
        let Ok(home) = self.store.home().canonicalize() else {
            return Vec::new();
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes =
            processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut programs: Vec<_> = processes
            .filter(|pid| name_of(*pid).as_deref() == Some(CODEX))
            .filter(|pid| codex_home_of(*pid).as_ref() == Some(&home))
            .map(|pid| Program {
                name: CODEX.to_owned(),
                pid,
            })
            .collect();
        programs.sort_by_key(|program| program.pid);
        programs
    }
}

const CODEX: &str = "codex";

/// By the file that runs, which no thread can rename.
fn name_of(pid: u32) -> Option<String> {
    let file = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(file.file_name()?.to_str()?.to_owned())
}

/// By its environment, which only the same user may read.
fn codex_home_of(pid: u32) -> Option<PathBuf> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &[u8]| {
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|it| it.strip_prefix(name)?.strip_prefix(b"="))?;
        (!value.is_empty()).then(|| path_of(value))
    };
    let home = value(b"CODEX_HOME").or_else(|| Some(value(b"HOME")?.join(".codex")))?;
    home.canonicalize().ok()
}
