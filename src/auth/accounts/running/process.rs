//! A process, as `/proc` shows it. Only Linux has these files; elsewhere nothing is found.

use std::fs::Metadata;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::platform::{file_id, path_of};
use crate::product::Program;

/// The longest first line of a script that is read.
const LONGEST_SHEBANG: u64 = 256;

/// A running process.
#[derive(Clone, Copy, PartialEq)]
pub struct Process {
    pub pid: u32,
}

impl Process {
    /// Returns all processes.
    pub fn all() -> impl Iterator<Item = Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.map(|pid| Self { pid })
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }

    /// Returns its name, which a program may choose.
    pub fn name(self) -> Option<String> {
        let name = std::fs::read_to_string(self.file("comm")).ok()?;
        Some(name.trim().to_owned())
    }

    /// Returns its arguments, its own name first; none for a process that has ended.
    pub fn arguments(self) -> Vec<String> {
        let bytes = std::fs::read(self.file("cmdline")).unwrap_or_default();
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        let arguments = bytes.split(|byte| *byte == 0);
        arguments
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .filter(|argument| !argument.is_empty())
            .collect()
    }

    /// Returns the process that started it, or took it over.
    pub fn parent(self) -> Option<Self> {
        let pid = self.status_field(1)?.parse().ok()?;
        Some(Self { pid })
    }

    /// Returns the user who started it. The owner of these files may be root instead.
    pub fn user(self) -> Option<u32> {
        let text = std::fs::read_to_string(self.file("status")).ok()?;
        let users = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        users.split_whitespace().next()?.parse().ok()
    }

    /// Returns when it started, in clock ticks since the machine did.
    pub fn started(self) -> Option<u64> {
        self.status_field(19)?.parse().ok()
    }

    /// Returns a field of `stat`, counted after the name, which may contain any character.
    fn status_field(self, number: usize) -> Option<String> {
        let text = std::fs::read_to_string(self.file("stat")).ok()?;
        let (_, fields) = text.rsplit_once(')')?;
        fields.split_whitespace().nth(number).map(str::to_owned)
    }

    /// Returns whether it runs `program`: by its file, which no thread can rename, by the name
    /// that it was started as, or as a script of that name.
    pub fn runs(self, program: &Program, arguments: &[String]) -> bool {
        let executable = program.executable.as_ref();
        let architecture = format!("{executable}-{}-", std::env::consts::ARCH);
        let is_named = |name: &str| name == executable || name.starts_with(&architecture);
        let file = std::fs::read_link(self.file("exe")).ok();
        let file = file.as_deref().and_then(file_name);
        // An update replaces the file of a program that runs.
        let file = file
            .as_deref()
            .map(|name| name.trim_end_matches(" (deleted)"));
        file.is_some_and(is_named)
            || is_started_as(arguments, is_named)
            || is_script(arguments, is_named)
    }

    /// Returns which folder is the program's home, by its environment, which only the same user
    /// may read. The process may see other folders than we do, as in a container.
    pub fn home(self, variable: Option<&str>, default_home: &str) -> Option<(u64, u64)> {
        let environment = std::fs::read(self.file("environ")).ok()?;
        let value = |name: &str| {
            let mut variables = environment.split(|byte| *byte == 0);
            let value =
                variables.find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
            (!value.is_empty()).then(|| path_of(value))
        };
        let home = variable.and_then(value);
        let home = home.or_else(|| Some(value("HOME")?.join(default_home)))?;
        let seen = match home.strip_prefix("/") {
            Ok(path) => self.file("root").join(path),
            Err(_) => self.file("cwd").join(home),
        };
        file_id(&seen.metadata().ok()?)
    }

    /// Returns whether it has the file open, and a shared lock on it.
    pub fn shares(self, file: &Metadata) -> bool {
        let wanted = file_id(file);
        let descriptors = std::fs::read_dir(self.file("fd")).into_iter().flatten();
        descriptors.flatten().any(|descriptor| {
            let found = descriptor.path().metadata();
            wanted.is_some()
                && found.is_ok_and(|found| file_id(&found) == wanted)
                && self.has_shared_lock(&descriptor.file_name().to_string_lossy())
        })
    }

    /// Returns whether the lock on this descriptor is shared: an exclusive one is our own, and a
    /// process without one waits for it. Counts as shared if the system does not tell.
    fn has_shared_lock(self, descriptor: &str) -> bool {
        let is_shared = |line: &str| line.contains("FLOCK") && line.contains("READ");
        let text = std::fs::read_to_string(self.file("fdinfo").join(descriptor));
        text.map_or(true, |text| text.lines().any(is_shared))
    }
}

/// Returns whether these are the arguments of a script that starts the program and waits for it.
pub fn is_launcher(program: &Program, arguments: &[String]) -> bool {
    is_script(arguments, |name| name == program.executable)
}

fn is_started_as(arguments: &[String], is_named: impl Fn(&str) -> bool) -> bool {
    let name = arguments.first().and_then(|it| file_name(Path::new(it)));
    name.is_some_and(|name| is_named(&name))
}

/// Returns whether a script runs: its interpreter has it as first argument, and so has an editor,
/// but the script's first line does not name the editor.
fn is_script(arguments: &[String], is_named: impl Fn(&str) -> bool) -> bool {
    let [interpreter, script, ..] = arguments else {
        return false;
    };
    let (interpreter, script) = (Path::new(interpreter), Path::new(script));
    let Some(interpreter) = file_name(interpreter) else {
        return false;
    };
    file_name(script).is_some_and(|name| is_named(&name))
        && first_line(script)
            .and_then(|line| Some(line.strip_prefix("#!")?.contains(&interpreter)))
            .unwrap_or(false)
}

fn first_line(path: &Path) -> Option<String> {
    // Neither a FIFO nor a device is opened.
    let file = path.metadata().ok()?.is_file().then_some(path)?;
    let file = std::fs::File::open(file).ok()?;
    let mut line = String::new();
    BufReader::new(file.take(LONGEST_SHEBANG))
        .read_line(&mut line)
        .ok()?;
    Some(line)
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}
