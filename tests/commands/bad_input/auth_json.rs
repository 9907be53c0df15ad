//! Whatever else may stand at `auth.json`.

use super::*;

/// Homes where `auth.json` is no readable file, and the words for it.
fn unreadable(stage: &Stage) -> Vec<(PathBuf, &'static str)> {
    let home = |name: &str| {
        let home = stage.home().join(name);
        fs::create_dir(&home).unwrap();
        home
    };
    let directory = home("directory");
    fs::create_dir(directory.join("auth.json")).unwrap();
    let fifo = home("fifo");
    make_fifo(&fifo.join("auth.json"));
    let large = home("large");
    let file = File::create(large.join("auth.json")).unwrap();
    file.set_len(100 * 1024 * 1024).unwrap();
    let dangling = home("dangling");
    symlink("/nonexistent/auth.json", dangling.join("auth.json")).unwrap();
    let circle = home("circle");
    symlink("auth.json", circle.join("auth.json")).unwrap();
    let elsewhere = home("elsewhere");
    symlink(fifo.join("auth.json"), elsewhere.join("auth.json")).unwrap();
    let folder = home("folder");
    symlink(&directory, folder.join("auth.json")).unwrap();
    vec![
        (directory, "Could not read"),
        (fifo, "Could not read"),
        (large, "Could not read"),
        (dangling, "is a broken link or a loop of links"),
        (circle, "is a broken link or a loop of links"),
        (elsewhere, "Could not read"),
        (folder, "Could not read"),
    ]
}

fn at(home: &Path, words: &[&str]) -> Run {
    let home = home.display().to_string();
    let words = [words, &["--codex-home", &home]].concat();
    Run::bare(&words).variable("HOME", "/nonexistent")
}

#[test]
fn whatever_lies_there_is_named_at_once_and_stays() {
    let stage = Stage::new();
    for (home, why) in unreadable(&stage) {
        let path = home.join("auth.json");
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        for words in [&["status"][..], &["token"], &["token", "--force-refresh"]] {
            let ended = fails(at(&home, words), 1, why);
            ended.says(&path.display().to_string());
        }
        let status = at(&home, &["status", "--json"]).ends().failed(1, "").json();
        assert_eq!(status["error"]["kind"], "storage", "{home:?}");
        assert_eq!(status.get("signed_in"), None);
        // Damaged is not signed out: a key in the environment does not step in.
        let fallback = at(&home, &["token"]).variable("OPENAI_API_KEY", "sk-1");
        fails(fallback, 1, why);
        let now = fs::symlink_metadata(&path).unwrap().file_type();
        assert_eq!(now, kind, "{home:?}");
    }
}

#[test]
fn a_path_in_a_command_to_copy_is_quoted() {
    let stage = Stage::new();
    let home = stage.home().join("my codex; $(id)");
    fs::create_dir_all(home.join("auth.json")).unwrap();
    let quoted = format!("'{}'", home.join("auth.json").display());
    let ended = fails(at(&home, &["status"]), 1, "Could not read");
    ended.says(&format!("ls -l {quoted} – "));
    let ended = fails(at(&home, &["logout"]), 1, "Could not remove");
    ended.says(&format!("rm -r {quoted} – "));
}

#[test]
fn signing_in_replaces_what_can_be_replaced_and_names_the_rest() {
    let stage = Stage::new();
    for (home, _) in unreadable(&stage) {
        let ended = save_at(&home);
        let path = home.join("auth.json");
        if ended.code() == 0 {
            let file: serde_json::Value =
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(file["OPENAI_API_KEY"], "sk-1", "{home:?}");
        } else {
            is_clear(&ended);
            ended.says(&path.display().to_string());
        }
    }
}

#[test]
fn signing_out_removes_what_is_a_file_or_a_link_and_nothing_behind_it() {
    let stage = Stage::new();
    let mut homes = unreadable(&stage);
    let linked = homes.split_off(5);
    for (home, _) in linked {
        at(&home, &["logout"]).ends().succeeded();
        assert!(!home.join("auth.json").is_symlink(), "{home:?}");
    }
    let (directory, _) = homes.remove(0);
    let path = directory.join("auth.json");
    fails(at(&directory, &["logout"]), 1, "Could not remove");
    assert!(path.is_dir());
    assert!(homes[0].0.join("auth.json").exists(), "a link led to it");
    for (home, _) in homes {
        let ended = at(&home, &["logout"]).ends().succeeded();
        assert!(
            ended.stderr.ends_with("Successfully logged out\n"),
            "{ended:?}"
        );
        assert!(
            fs::symlink_metadata(home.join("auth.json")).is_err(),
            "{home:?}"
        );
    }
}

#[test]
fn a_complaint_about_the_codex_home_names_the_variable_that_it_came_from() {
    let stage = Stage::new();
    let file = stage.home().join("file");
    fs::write(&file, "").unwrap();
    for value in [format!("{}\r", file.display()), "\"~/file\"".to_owned()] {
        let run = |words: &[&str]| {
            let run = Run::bare(words).variable("HOME", stage.home());
            run.variable("CODEX_HOME", &value)
        };
        let named = format!("CODEX_HOME names {}\n", file.display());
        let status = run(&["status"]).ends().failed(1, "is not a folder");
        assert!(status.stderr.ends_with(&named), "{status:?}");
        let login = run(&["login", "--with-api-key"]).takes(b"sk-1\n");
        let login = login.failed(1, "is not a folder");
        assert!(login.stderr.ends_with(&named), "{login:?}");
    }
}

#[test]
fn a_device_without_end_is_not_read() {
    let stage = Stage::new();
    fs::create_dir(stage.codex_home()).unwrap();
    symlink("/dev/zero", stage.auth_file()).unwrap();
    fails(at(&stage.codex_home(), &["status"]), 1, "Could not read");
}

#[test]
fn damage_is_named_by_line_and_column_without_its_text() {
    let stage = Stage::new();
    for (text, place) in [
        ("sk-secret", "line 1, column 1"),
        ("{\n  \"OPENAI_API_KEY\": sk-secret", "line 2, column 21"),
        ("{\"tokens\": \"rt-secret\"}", "line 1, column"),
        ("[]", "line 1, column"),
        (
            "\u{feff}{}",
            "line 1, column 1: it begins with a byte order mark",
        ),
    ] {
        stage.write_auth_file(text);
        for words in [&["status"][..], &["token"]] {
            let ended = run(&stage, words).failed(1, place);
            is_clear(&ended);
            ended.never_says("secret");
        }
        let json = run(&stage, &["status", "--json"]).failed(1, "").json();
        assert_eq!(json["error"]["kind"], "storage");
        assert_eq!(fs::read_to_string(stage.auth_file()).unwrap(), text);
    }
    stage.sign_in();
    let mut bytes = fs::read(stage.auth_file()).unwrap();
    bytes[20] = 0xff;
    File::create(stage.auth_file())
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    is_clear(&run(&stage, &["status"]).failed(1, "line 1, column"));
}

#[test]
fn a_file_in_utf_16_is_called_by_that_name() {
    let stage = Stage::new();
    stage.sign_in();
    let text = fs::read_to_string(stage.auth_file()).unwrap();
    let units = |mark: &[u16], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = mark.iter().copied().chain(text.encode_utf16());
        units.flat_map(bytes).collect()
    };
    for bytes in [
        units(&[0xfeff], u16::to_le_bytes),
        units(&[0xfeff], u16::to_be_bytes),
        units(&[], u16::to_le_bytes),
    ] {
        fs::write(stage.auth_file(), &bytes).unwrap();
        let ended = run(&stage, &["status"]).failed(1, "line 1, column");
        ended.says("it is UTF-16");
        is_clear(&ended);
        assert_eq!(fs::read(stage.auth_file()).unwrap(), bytes);
    }
}

#[test]
fn signing_in_over_a_damaged_file_repairs_it() {
    let stage = Stage::new();
    stage.write_auth_file("{");
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    login.ended().succeeded();
    assert_eq!(stage.auth_json()["auth_mode"], "chatgpt");
}

#[test]
fn a_file_that_is_a_mount_point_is_renewed_replaced_and_emptied_in_place() {
    let stage = Stage::new();
    stage.sign_in();
    let inode = || fs::metadata(stage.auth_file()).unwrap().ino();
    let (before, old) = (inode(), stage.auth_json());
    let mounted = |words: &[&str]| Run::new(&stage, words).with_a_mount_at(&stage.auth_file());
    let Some(renewal) = mounted(&["token", "--force-refresh"]) else {
        eprintln!("skipped: nobody may mount anything here");
        return;
    };
    renewal.ends().succeeded();
    let renewed = stage.auth_json();
    let token = |file: &serde_json::Value| file["tokens"]["refresh_token"].clone();
    assert_ne!(token(&renewed), token(&old));
    let login = mounted(&["login", "--with-api-key"]).unwrap();
    login.takes(b"sk-1\n").succeeded();
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], "sk-1");
    let ended = mounted(&["logout"]).unwrap().ends().succeeded();
    ended.says("the mount stays");
    ended.says("Successfully logged out");
    assert_eq!(fs::read(stage.auth_file()).unwrap(), b"");
    assert_eq!(inode(), before, "it was never replaced");
    assert!(!stage.codex_home().join("auth.json.new").exists());
}

#[test]
fn an_empty_file_is_nobodys_sign_in_everywhere() {
    let stage = Stage::new();
    stage.write_auth_file("");
    let status = run(&stage, &["status"]).failed(1, "");
    assert_eq!(status.stdout, "Not logged in\n");
    let status = run(&stage, &["status", "--json"]).failed(1, "").json();
    assert_eq!(status["signed_in"], false);
    run(&stage, &["token"]).failed(1, "Not logged in");
    let accounts = run(&stage, &["accounts"]).succeeded();
    accounts.says("There are no accounts");
    let ended = run(&stage, &["logout"]).succeeded();
    ended.says("Not logged in");
    let doctor = run(&stage, &["doctor", "--offline", "--json"]).json();
    assert_eq!(
        doctor["checks"]["credentials.file"]["status"], "ok",
        "{doctor}"
    );
}
