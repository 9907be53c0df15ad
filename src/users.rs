//! The users of this machine that `/etc/passwd` lists.

use std::fs::Metadata;
use std::path::Path;

use crate::platform::{ownership, user_id};
use crate::text::{clean_short, shell_word};

/// Returns the login name of the user with this number.
pub fn name_of(uid: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    name_in(&accounts, uid)
}

/// Returns the user's login name, or else the number, in a form that is safe to show.
pub fn shown(uid: u32) -> String {
    let name = name_of(uid).unwrap_or_else(|| format!("user {uid}"));
    clean_short(&name, 30)
}

/// Returns the file's owner, in a form that is safe to show, if that is another user.
pub fn other_owner(file: &Metadata) -> Option<String> {
    let owner = ownership(file)?.user;
    (Some(owner) != user_id()).then(|| shown(owner))
}

/// Returns the command that makes this user the owner of the files.
pub fn take_back(files: &[&Path]) -> String {
    let uid = user_id().unwrap_or_default();
    let user = name_of(uid).unwrap_or_else(|| uid.to_string());
    command(&format!("sudo chown {}", shell_word(&user)), files)
}

/// As [`take_back`], for a folder and everything in it.
pub fn take_back_all(folder: &Path) -> String {
    take_back(&[folder]).replacen("chown", "chown -R", 1)
}

/// Returns a shell command with these files as its arguments.
pub fn command(command: &str, files: &[&Path]) -> String {
    let words = files
        .iter()
        .map(|file| shell_word(&file.display().to_string()));
    let words: Vec<_> = words.collect();
    format!("{command} {}", words.join(" "))
}

fn name_in(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\nbroken\nzoe:x:1000:100::/home/zoe:/bin/sh\n";
        assert_eq!(name_in(accounts, 1000).as_deref(), Some("zoe"));
        assert_eq!(name_in(accounts, 100), None);
    }
}
