//! Places that are no folder for credentials.

use super::*;

#[test]
fn a_file_where_the_folder_should_be() {
    let stage = Stage::new();
    let file = stage.home().join("file");
    fs::write(&file, "precious").unwrap();
    for home in [file.clone(), file.join("below")] {
        let ended = save_at(&home).failed(1, &file.display().to_string());
        is_clear(&ended);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_folder_that_not_even_root_may_write() {
    let ended = save_at(Path::new("/proc/self/nowhere")).failed(1, "/proc/self/nowhere");
    is_clear(&ended);
    let ended = save_at(Path::new("/proc/sys")).failed(1, "/proc/sys");
    is_clear(&ended);
}

#[test]
fn what_became_unusable_after_the_link_was_shown_is_told_to_the_browser_too() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login"]).starts();
    let link = login.link();
    fs::write(stage.codex_home(), "a file").unwrap();
    let page = stage.browse(&stage.approve(&link));
    assert_eq!(page.status, 500);
    assert!(page.body.contains("Unable to persist auth file"));
    let ended = login.ended().failed(1, "codex");
    is_clear(&ended);
}

/// Whatever would change credentials here says so before it shows a link, asks for a secret, or
/// asks the issuer for anything.
fn is_said_first(stage: &Stage, words: &str, hint: &str) {
    for command in [
        &["login"][..],
        &["login", "--device-auth"],
        &["login", "--keep"],
        &["login", "--with-api-key"],
        &["login", "--with-access-token"],
        &["accounts", "add"],
        &["logout"],
        &["token", "--force-refresh"],
    ] {
        // Standard input stays open: whoever waits for a secret would wait for ever.
        let ended = Run::new(stage, command).listening().starts().ended();
        let ended = ended.failed(1, words);
        ended.says(hint);
        ended.never_says("/oauth/authorize");
        is_clear(&ended);
    }
    assert_eq!(stage.issuer.count(Route::Revoke), 0);
    assert_eq!(stage.issuer.count(Route::Token), 0);
    assert_eq!(stage.issuer.count(Route::UserCode), 0);
}

#[test]
fn a_lock_file_that_cannot_be_used_is_named_before_anything_is_asked() {
    for lock in ["auth.lock", "auth.json.lock"] {
        let stage = Stage::new();
        stage.sign_in();
        let lock = stage.codex_home().join(lock);
        fs::create_dir(&lock).unwrap();
        is_said_first(&stage, "Could not use the lock file", "ls -ld");
        fs::remove_dir(&lock).unwrap();
        symlink("/nonexistent/lock", &lock).unwrap();
        is_said_first(&stage, "it is a link", &format!("rm {}", lock.display()));
    }
}

#[test]
fn what_sudo_left_behind_is_named_with_its_owner_and_the_command_that_gives_it_back() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can act as another user");
        return;
    }
    let stage = Stage::new();
    stage.sign_in();
    let lock = stage.codex_home().join("auth.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o600)).unwrap();
    for path in [stage.home(), &stage.codex_home(), &stage.auth_file()] {
        std::os::unix::fs::chown(path, Some(54_321), Some(54_321)).unwrap();
    }
    let give_back = format!("sudo chown 54321 {}", lock.display());
    for words in [&["login"][..], &["logout"], &["accounts", "add"]] {
        let ended = Run::new(&stage, words).by_a_stranger().ends();
        let ended = ended.failed(1, "it belongs to root");
        ended.says(&give_back);
    }
    let ended = Run::new(&stage, &["doctor", "--offline", "--json"])
        .by_a_stranger()
        .ends();
    let check = &ended.json()["checks"]["home.permissions"];
    assert_eq!(check["status"], "fail", "{ended:?}");
    assert_eq!(check["details"]["owner"], "root", "{ended:?}");
    let remedy = check["remediation"].as_str().unwrap();
    assert!(
        remedy.contains("sudo chown 54321 ~/codex/auth.lock"),
        "{remedy}"
    );
    assert_eq!(ended.json()["checks"]["locks.auth"]["status"], "skipped");
    // A folder that is root's, too.
    for path in [stage.codex_home(), stage.home().to_owned()] {
        std::os::unix::fs::chown(&path, Some(0), Some(0)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let ended = Run::new(&stage, &["login"]).by_a_stranger().ends();
    let ended = ended.failed(1, "belongs to root and is not writable");
    let give_back = format!("sudo chown 54321 {}", stage.codex_home().display());
    ended.says(&give_back);
    // A person who only wants to know hears whose it is.
    let status = Run::new(&stage, &["status"]).by_a_stranger().ends();
    status.says("belongs to root");
}

#[test]
fn a_link_to_nowhere_is_called_that() {
    let stage = Stage::new();
    symlink("/nonexistent/codex", stage.codex_home()).unwrap();
    let home = stage.codex_home().display().to_string();
    for words in [
        &["login"][..],
        &["accounts", "add"],
        &["login", "--with-api-key"],
    ] {
        let ended = Run::new(&stage, words).ends();
        let ended = ended.failed(1, "is a link to /nonexistent/codex, which does not exist");
        ended.says("mkdir -p /nonexistent/codex");
        ended.says(&format!("rm {home}"));
        is_clear(&ended);
    }
}

#[test]
fn missing_folders_are_made() {
    let stage = Stage::new();
    let home = stage.home().join("a/b/c");
    save_at(&home).succeeded();
    assert!(home.join("auth.json").is_file());
}
