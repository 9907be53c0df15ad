//! The program that uses the credentials, as its files and processes look on this machine.

use super::Text;

/// A product's program. What it keeps in the product's home is shared by all accounts, except
/// for what belongs to one running process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// The file name of its executable, which is also its command.
    pub executable: Text,
    /// Its home below the person's own folder, where
    /// [`Product::home_variable`](super::Product::home_variable) is not set.
    pub default_home: Text,
    /// Folders in its home that are made before it first runs as a parked account, so that all
    /// accounts share them.
    pub shared_folders: Vec<Text>,
    /// Files likewise, made empty.
    pub shared_files: Vec<Text>,
    /// The beginnings of the names of what belongs to one running process.
    pub process_files: Vec<Text>,
    /// A process that it leaves running.
    pub daemon: Option<Daemon>,
}

/// A process that a program leaves running, and that holds the session in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Daemon {
    /// The file in the program's home with its process id, alone or as `pid` of a JSON object.
    pub pid_file: Text,
    /// The arguments that together tell it from other processes of the program.
    pub arguments: Vec<Text>,
    /// The arguments, one after the other, of processes that hold no session.
    pub without_session: Vec<Text>,
    /// The program's arguments that end it.
    pub stop: Vec<Text>,
}

impl Program {
    /// Creates a program that leaves nothing running, and whose files are all shared.
    pub fn new(executable: impl Into<Text>, default_home: impl Into<Text>) -> Self {
        Self {
            executable: executable.into(),
            default_home: default_home.into(),
            shared_folders: Vec::new(),
            shared_files: Vec::new(),
            process_files: Vec::new(),
            daemon: None,
        }
    }
}

impl Daemon {
    /// Creates a daemon that is known by its arguments and ended by others.
    pub fn new(
        pid_file: impl Into<Text>,
        arguments: impl IntoIterator<Item = &'static str>,
        stop: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self {
            pid_file: pid_file.into(),
            arguments: texts(arguments),
            without_session: Vec::new(),
            stop: texts(stop),
        }
    }
}

pub fn texts(words: impl IntoIterator<Item = &'static str>) -> Vec<Text> {
    words.into_iter().map(Text::from).collect()
}
