//! Programs that a test makes and starts.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program, by a process of its own. Another test that starts a process at that moment
/// would hand it our open file, and a file that somebody has open for writing cannot be run.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = install.stdin.take().unwrap();
    stdin.write_all(contents.as_ref()).unwrap();
    drop(stdin);
    assert!(install.wait().unwrap().success());
}
