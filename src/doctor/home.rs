//! The codex home: a folder that this user alone can change, with room in it, and the two lock
//! files that Codex and this program take.

use std::fs::Metadata;
use std::path::Path;

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::{LockHolder, Obstacle, lock_holder};
use crate::platform::{free_space, is_mount_point, is_someone_elses, ownership};
use crate::sign_in::PendingFile;
use crate::text::shell_word;
use crate::users;

/// The space to require, far more than a save needs.
const ENOUGH: u64 = 1024 * 1024;

/// Returns the finding of every other check when the codex home is not a folder: one problem is
/// one finding.
pub fn is_no_folder(subject: &Subject) -> Option<Finding> {
    let metadata = subject.session.store.home().metadata().ok()?;
    (!metadata.is_dir()).then(|| Finding::skipped("The codex home is not a folder"))
}

pub fn folder(subject: &Subject) -> Finding {
    let (path, shown) = home(subject);
    let finding = match obstacle(subject, true) {
        Some(obstacle) => in_the_way(subject, &obstacle),
        None if path.is_dir() => Finding::ok(sentence!("{shown} is writable")),
        // The first sign-in creates the home, if the folder above allows that.
        None => Finding::ok(sentence!(
            "{shown} does not exist yet: the first sign-in creates it"
        )),
    };
    let target = path.read_link().ok();
    finding
        .with("path", shown)
        .with("namedBy", subject.home_named_by)
        .with("isLink", yes_or_no(target.is_some()))
        .with_some("linkTarget", target.map(|target| subject.path(&target)))
}

/// Returns the obstacle that a sign-in would meet, if it is the home itself (or, without `is_home`,
/// if it is not).
fn obstacle(subject: &Subject, is_home: bool) -> Option<Obstacle> {
    let store = &subject.session.store;
    let found = store.obstacle()?;
    ((found.path == store.home()) == is_home).then_some(found)
}

fn in_the_way(subject: &Subject, obstacle: &Obstacle) -> Finding {
    let hint = obstacle.error.hint().unwrap_or_default();
    // The library knows no options.
    let hint = hint.replace(
        ", for example with CODEX_HOME",
        " with `--codex-home` or CODEX_HOME",
    );
    Finding::fail(subject.error(&obstacle.error), subject.fact(&hint))
}

/// Returns whether a lock file cannot be used, which [`permissions`] reports.
fn is_in_the_way(subject: &Subject, lock: &Path) -> bool {
    obstacle(subject, false).is_some_and(|found| found.path == lock)
}

pub fn permissions(subject: &Subject) -> Finding {
    let (path, shown) = home(subject);
    let Ok(folder) = path.metadata() else {
        return Finding::skipped("The codex home does not exist yet");
    };
    if ownership(&folder).is_none() {
        return Finding::skipped("This system does not say who else may open the codex home");
    }
    let file = subject.session.store.path();
    let obstacle = obstacle(subject, false);
    let finding = if let Some(obstacle) = &obstacle {
        let found = obstacle.path.symlink_metadata().ok();
        let owner = found.as_ref().and_then(users::other_owner);
        in_the_way(subject, obstacle)
            .with_some("owner", owner.map(|owner| Redacted::fact(&owner)))
            .with_some("mode", found.as_ref().and_then(shown_mode))
    } else if is_someone_elses(&folder) {
        Finding::warning(
            sentence!("{shown} belongs to another user"),
            "Use a codex home of your own: `--codex-home` or CODEX_HOME",
        )
        .with_some("owner", owner(&folder))
    } else if mode(&folder).is_some_and(|mode| mode & 0o022 != 0) {
        Finding::warning(
            sentence!("Others may write to {shown}"),
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
        .with("isMountPoint", yes_or_no(is_mount_point(&file)))
        .with_some(
            "linkTarget",
            file.read_link().ok().map(|target| subject.path(&target)),
        )
}

fn owner(metadata: &Metadata) -> Option<Redacted> {
    users::other_owner(metadata).map(|owner| Redacted::fact(&owner))
}

fn judge_file(subject: &Subject, file: &Path) -> Finding {
    match file.metadata() {
        Ok(metadata) if is_someone_elses(&metadata) => Finding::warning(
            "auth.json belongs to another user",
            command(subject, &users::take_back(&[]), file),
        )
        .with_some("owner", owner(&metadata)),
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
    finding.with("freeBytes", sentence!("{}", free.bytes))
}

pub fn leftovers(subject: &Subject) -> Finding {
    let store = &subject.session.store;
    let found = store.leftovers();
    let pending = PendingFile::of(store).is_left_over(subject.session.clock.now());
    let pending = pending.then(|| store.pending_sign_in());
    let all = found.iter().chain(&pending);
    let listed = all.map(|path| subject.path(path));
    let finding = match &pending {
        _ if !found.is_empty() => Finding::warning(
            "Interrupted saves left files behind that may hold tokens",
            "The next sign-in or `codex-onboarding logout` removes them",
        ),
        Some(path) => Finding::warning(
            "A sign-in was left behind, and cannot be resumed any more",
            command(subject, "rm", path),
        ),
        None => Finding::ok("No files are left over from interrupted saves"),
    };
    finding.with_list("files", listed)
}

pub fn auth_lock(subject: &Subject) -> Finding {
    lock(subject, "auth.lock")
}

pub fn write_lock(subject: &Subject) -> Finding {
    lock(subject, "auth.json.lock")
}

fn lock(subject: &Subject, name: &'static str) -> Finding {
    let path = subject.session.store.home().join(name);
    if is_in_the_way(subject, &path) {
        return Finding::skipped(sentence!("{name} cannot be used: see home.permissions"));
    }
    match lock_holder(&path) {
        Ok(None) => Finding::ok(sentence!("{name} is free")),
        Err(error) => Finding::warning(
            sentence!("Could not look at {name}"),
            "Check the permissions of the codex home",
        )
        .with("error", subject.fact(&error.to_string())),
        Ok(Some(LockHolder {
            name: by,
            running_for,
        })) => {
            let by = by.map(|by| Redacted::fact(&by));
            let holder = by.as_ref().map_or("another program", Redacted::as_str);
            let finding = Finding::warning(
                sentence!("{name} is held by {holder}"),
                "Wait for that program or end it: a sign-in waits 10 seconds for the lock",
            );
            let running_for = running_for.map(|time| {
                let seconds = std::time::Duration::from_secs(time.as_secs());
                sentence!("{}", humantime::format_duration(seconds))
            });
            finding.with_some("holderRunningFor", running_for)
        }
    }
}

fn home(subject: &Subject) -> (std::path::PathBuf, Redacted) {
    let path = subject.session.store.home().to_owned();
    let shown = subject.path(&path);
    (path, shown)
}

/// Writes a command for the shell, in backticks.
fn command(subject: &Subject, command: &str, path: &Path) -> Redacted {
    let shown = subject.path(path);
    // A shell expands `~` only where it is not quoted.
    let quoted = match shown.as_str().strip_prefix("~/") {
        Some(rest) => format!("~/{}", shell_word(rest)),
        None => shell_word(shown.as_str()),
    };
    sentence!("Run `{} {quoted}`", command.trim_end())
}

fn mode(metadata: &Metadata) -> Option<u32> {
    Some(ownership(metadata)?.mode)
}

fn shown_mode(metadata: &Metadata) -> Option<Redacted> {
    Some(sentence!("{:04o}", mode(metadata)?))
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
