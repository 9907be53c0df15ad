//! The codex home: a folder that this user alone can change, with room in it.

use std::fs::Metadata;
use std::path::Path;

use super::finding::Finding;
use super::redact::Redacted;
use super::subject::Subject;
use crate::platform::{free_space, is_read_only, is_someone_elses, is_writable, ownership};
use crate::text::shell_word;

/// Far more than a save needs.
const ENOUGH: u64 = 1024 * 1024;

/// The finding of every other check of a codex home that is not a folder: one problem is one
/// finding.
pub fn is_no_folder(subject: &Subject) -> Option<Finding> {
    let metadata = subject.session.store.home().metadata().ok()?;
    (!metadata.is_dir()).then(|| Finding::skipped("The codex home is not a folder"))
}

pub fn folder(subject: &Subject) -> Finding {
    let (path, shown) = home(subject);
    let finding = match path.metadata() {
        Ok(metadata) if !metadata.is_dir() => Finding::fail(
            Redacted::sentence(format!("The codex home {} is not a folder", shown.as_str())),
            "Choose another folder with `--codex-home` or CODEX_HOME",
        ),
        Ok(_) if is_read_only(&path) => Finding::fail(
            Redacted::sentence(format!("The codex home {} is read-only", shown.as_str())),
            "Mount it writable, or choose another folder with `--codex-home` or CODEX_HOME",
        ),
        Ok(_) if !is_writable(&path) => Finding::fail(
            Redacted::sentence(format!("The codex home {} is not writable", shown.as_str())),
            "Make it writable with `chmod u+w`, or `chown` it if another user owns it, or choose \
             another folder with `--codex-home`",
        ),
        Ok(_) => Finding::ok(Redacted::sentence(format!(
            "{} is writable",
            shown.as_str()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return missing(subject, &path, &shown);
        }
        Err(error) => Finding::fail(
            Redacted::sentence(format!(
                "Could not look at the codex home {}",
                shown.as_str()
            )),
            "Check the permissions of the folders above it",
        )
        .with("error", Redacted::fact(&error.to_string(), None)),
    };
    finding
        .with("path", shown)
        .with("namedBy", subject.home_named_by)
        .with("isLink", yes_or_no(path.is_symlink()))
}

/// The first sign-in makes it, where the folder above allows that.
fn missing(subject: &Subject, path: &Path, shown: &Redacted) -> Finding {
    let dangling = path.is_symlink();
    let above = path.ancestors().skip(1).find(|folder| folder.exists());
    let finding = if dangling {
        Finding::fail(
            Redacted::sentence(format!(
                "The codex home {} is a link to nowhere",
                shown.as_str()
            )),
            "Remove the link, or create the folder that it leads to",
        )
    } else if above.is_some_and(is_writable) {
        Finding::ok(Redacted::sentence(format!(
            "{} does not exist yet: the first sign-in creates it",
            shown.as_str()
        )))
    } else {
        Finding::fail(
            Redacted::sentence(format!(
                "The codex home {} cannot be created",
                shown.as_str()
            )),
            "Choose another folder with `--codex-home` or CODEX_HOME",
        )
    };
    finding
        .with("path", shown.clone())
        .with("namedBy", subject.home_named_by)
}

pub fn permissions(subject: &Subject) -> Finding {
    let (path, shown) = home(subject);
    let Ok(folder) = path.metadata() else {
        return Finding::skipped("The codex home does not exist yet");
    };
    if ownership(&folder).is_none() {
        return Finding::skipped("This system does not say who else may open the codex home");
    }
    let file = path.join("auth.json");
    let finding = if is_someone_elses(&folder) {
        Finding::warning(
            Redacted::sentence(format!("{} belongs to another user", shown.as_str())),
            "Use a codex home of your own: `--codex-home` or CODEX_HOME",
        )
    } else if mode(&folder).is_some_and(|mode| mode & 0o022 != 0) {
        Finding::warning(
            Redacted::sentence(format!("Others may write to {}", shown.as_str())),
            command(subject, "chmod go-w", &path),
        )
    } else {
        judge_file(subject, &file)
    };
    finding
        .with_some("folderMode", shown_mode(&folder))
        .with_some(
            "fileMode",
            file.metadata().ok().and_then(|file| shown_mode(&file)),
        )
}

fn judge_file(subject: &Subject, file: &Path) -> Finding {
    match file.metadata() {
        Ok(metadata) if is_someone_elses(&metadata) => Finding::warning(
            "auth.json belongs to another user",
            "Sign out there, then sign in again: `codex-onboarding login`",
        ),
        Ok(metadata) if mode(&metadata).is_some_and(|mode| mode & 0o077 != 0) => Finding::warning(
            "Others may read auth.json",
            command(subject, "chmod 600", file),
        ),
        _ => Finding::ok("Nobody else can change the codex home or read auth.json"),
    }
}

pub fn space(subject: &Subject) -> Finding {
    let (path, _) = home(subject);
    let Some(folder) = path.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::skipped("The codex home does not exist yet");
    };
    let Some(free) = free_space(folder) else {
        return Finding::skipped("The system does not say how much space is left");
    };
    let full = "The disk of the codex home is full";
    let finding = if free.bytes < ENOUGH {
        Finding::fail(full, "Free some space, then sign in again")
    } else if !free.has_room_for_a_file {
        Finding::fail(
            full,
            "Remove some files: the disk has no room for another one",
        )
    } else {
        Finding::ok("There is room for a save")
    };
    finding.with("freeBytes", Redacted::sentence(free.bytes.to_string()))
}

pub fn leftovers(subject: &Subject) -> Finding {
    let store = &subject.session.store;
    let mut found = store.leftovers();
    if store.damaged_path().exists() {
        found.push(store.damaged_path());
    }
    let user_home = subject.user_home();
    let listed = found
        .iter()
        .map(|path| Redacted::path(path, user_home.as_deref()));
    let finding = if found.is_empty() {
        Finding::ok("No files are left over from interrupted saves")
    } else {
        Finding::warning(
            "Interrupted saves left files behind that may hold tokens",
            "The next sign-in or `codex-onboarding logout` removes them",
        )
    };
    finding.with_list("files", listed)
}

fn home(subject: &Subject) -> (std::path::PathBuf, Redacted) {
    let path = subject.session.store.home().to_owned();
    let shown = Redacted::path(&path, subject.user_home().as_deref());
    (path, shown)
}

/// A command for the shell, in backticks.
fn command(subject: &Subject, command: &str, path: &Path) -> Redacted {
    let home = subject.user_home();
    let shown = Redacted::path(path, home.as_deref());
    // A shell expands `~` only where it is not quoted.
    let quoted = match shown.as_str().strip_prefix("~/") {
        Some(rest) => format!("~/{}", shell_word(rest)),
        None => shell_word(shown.as_str()),
    };
    Redacted::sentence(format!("Run `{command} {quoted}`"))
}

fn mode(metadata: &Metadata) -> Option<u32> {
    Some(ownership(metadata)?.mode)
}

fn shown_mode(metadata: &Metadata) -> Option<Redacted> {
    Some(Redacted::sentence(format!("{:04o}", mode(metadata)?)))
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
