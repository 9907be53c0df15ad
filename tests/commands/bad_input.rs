//! Mistakes of people, scripts and machines: each ends in one clear sentence and a next step,
//! and nothing is lost.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::program::{Exited, Run, run};
use crate::stage::{PROGRAM, Stage};

/// Asserts one sentence, perhaps its causes, and a hint: for a person, not for a debugger.
fn is_clear(ended: &Exited) {
    let said = &ended.stderr;
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{said}");
    assert!(said.contains("\n  next: "), "{said}");
    for noise in ["RUST_BACKTRACE", "Error(", "Os {", "src/", "panicked"] {
        assert!(!said.contains(noise), "{noise}: {said}");
    }
    let mut lines = said.lines().filter(|line| !line.starts_with("http"));
    assert!(lines.all(|line| line.len() < 400), "{said}");
}

fn fails(run: Run, code: i32, words: &str) -> Exited {
    let ended = run.ends().failed(code, words);
    is_clear(&ended);
    assert_eq!(ended.stdout, "", "{ended:?}");
    ended
}

/// Signs in with an API key, which needs only a place to save it.
fn save_at(home: &Path) -> Exited {
    let words = ["login", "--with-api-key", "--codex-home"].map(str::to_owned);
    let home = home.display().to_string();
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .chain([home.as_str()])
        .collect();
    Run::bare(&words)
        .variable("HOME", "/nonexistent")
        .takes(b"sk-1\n")
}

mod command_line {
    use super::*;

    #[test]
    fn no_home_at_all() {
        let program = fs::metadata(PROGRAM).unwrap();
        let folders = Path::new(PROGRAM).ancestors().skip(1);
        let mut folders = folders.map(|folder| fs::metadata(folder).unwrap());
        let for_all = program.mode() & 0o005 == 0o005 && folders.all(|it| it.mode() & 0o001 != 0);
        if !rustix::process::getuid().is_root() || !for_all {
            // The system finds a home for every user it knows.
            return;
        }
        for home in [None, Some("")] {
            let run = Run::bare(&["status"]).by_a_stranger();
            let run = match home {
                Some(home) => run.variable("HOME", home),
                None => run,
            };
            let ended = fails(run, 2, "No home folder was found");
            for way in ["HOME", "CODEX_HOME", "--codex-home DIR"] {
                assert!(ended.stderr.contains(way), "{ended:?}");
            }
        }
    }

    #[test]
    fn an_issuer_that_is_none() {
        for (issuer, why) in [
            ("auth.example.com", "is not a URL"),
            ("", "is not a URL"),
            ("http://auth.example.com", "must use https"),
            ("http://localhost.example.com", "must use https"),
            ("ftp://localhost", "is not an https URL"),
            ("file:///etc/passwd", "is not an https URL"),
            (
                "https://user:word@example.com",
                "must not carry a user name",
            ),
            ("\u{1b}[2J\u{202e}", "is not a URL"),
        ] {
            for command in ["login", "status", "token", "logout"] {
                let run = Run::bare(&[command, "--issuer", issuer]);
                let ended = fails(run.variable("HOME", "/nonexistent"), 2, why);
                assert!(ended.stderr.contains("https://auth.openai.com"));
                assert!(!ended.stderr.contains(['\u{1b}', '\u{202e}']));
            }
        }
    }

    #[test]
    fn an_issuer_that_cannot_be_reached_names_the_hop() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("http://{}", holder.local_addr().unwrap());
        drop(holder);
        let words = ["login", "--device-auth", "--port", "0", "--issuer", &nobody];
        let ended = Run::bare(&words).variable("HOME", "/nonexistent").ends();
        let ended = ended.failed(1, "refused");
        assert_eq!(
            ended
                .stderr
                .lines()
                .filter(|line| line.starts_with("error: "))
                .count(),
            1
        );
    }

    #[test]
    fn a_log_file_that_cannot_be_written() {
        for path in ["/nonexistent/log", "/"] {
            let run = Run::bare(&["status", "--log-file", path]).variable("HOME", "/nonexistent");
            run.ends()
                .failed(2, &format!("The log file {path} cannot be written"));
        }
    }

    #[test]
    fn a_log_file_that_is_a_link_or_a_fifo_is_refused_at_once() {
        let stage = Stage::new();
        let (link, target) = (stage.home().join("link"), stage.home().join("target"));
        symlink(&target, &link).unwrap();
        let fifo = stage.home().join("fifo");
        let owner = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &fifo, FileType::Fifo, owner, 0).unwrap();
        let log_to = |path: &Path| {
            let path = path.display().to_string();
            let run = Run::new(&stage, &["status", "--log-file", &path]);
            fails(run, 2, &format!("The log file {path} cannot be written"));
        };
        log_to(&link);
        assert!(!target.exists());
        // Without a reader, and with one.
        log_to(&fifo);
        let _reader = File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&fifo)
            .unwrap();
        log_to(&fifo);
    }

    #[test]
    fn control_characters_in_an_argument_are_not_repeated() {
        let hostile = "\u{1b}[2J\u{202e}x\nerror: nothing";
        let option = format!("--{hostile}");
        for words in [&[hostile][..], &[&option], &["login", "--timeout", hostile]] {
            let ended = Run::bare(words).ends().failed(2, "error: ");
            let said = &ended.stderr;
            assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
            assert!(!said.contains("\nerror: nothing"), "{said:?}");
            assert!(said.contains(r"\u{1b}[2J"), "{said:?}");
        }
    }

    #[test]
    fn an_absurd_argument_is_cut_and_harmless() {
        let long = "x".repeat(100_000);
        let run = Run::bare(&["status", "--issuer", &long]).variable("HOME", "/nonexistent");
        fails(run, 2, "is not a URL");
    }
}

mod api_key {
    use super::*;

    #[test]
    fn what_could_not_be_a_key_is_named_and_what_was_there_stays() {
        let long = vec![b'x'; 5000];
        let huge = vec![b'x'; 10_000_000];
        for (key, why) in [
            (&b""[..], "The API key is empty"),
            (b"\n", "The API key is empty"),
            (b"   \t \n", "The API key is empty"),
            (b"sk-1 2\n", "a blank at position 5"),
            (b"sk-\x1b[2J\n", "a control character at position 4"),
            (b"sk-\0\n", "a control character"),
            ("sk-é\n".as_bytes(), "not ASCII at position 4"),
            (b"\xff\xfe\n", "not ASCII"),
            (&long, "5000 bytes long"),
            (&huge, "bytes long"),
        ] {
            let stage = Stage::new();
            stage.sign_in();
            let before = stage.auth_json();
            let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(key);
            let ended = ended.failed(1, why);
            is_clear(&ended);
            assert!(!ended.stderr.contains("sk-"), "{ended:?}");
            assert_eq!(stage.auth_json(), before);
        }
    }

    #[test]
    fn as_json_it_is_a_failed_event_of_kind_usage() {
        let stage = Stage::new();
        let ended = Run::new(&stage, &["login", "--with-api-key", "--json"]).takes(b"\n");
        let events = ended.failed(1, "").events();
        assert_eq!(events[0]["error"]["kind"], "usage");
    }
}

mod codex_home {
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
    fn the_browser_hears_of_it_too() {
        let stage = Stage::new();
        fs::write(stage.codex_home(), "a file").unwrap();
        let login = Run::new(&stage, &["login"]).starts();
        let page = stage.browse(&stage.approve(&login.link()));
        assert_eq!(page.status, 500);
        assert!(page.body.contains("Unable to persist auth file"));
        let ended = login.ended().failed(1, "codex");
        is_clear(&ended);
    }

    #[test]
    fn missing_folders_are_made() {
        let stage = Stage::new();
        let home = stage.home().join("a/b/c");
        save_at(&home).succeeded();
        assert!(home.join("auth.json").is_file());
    }
}

mod auth_json {
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
        let owner = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, fifo.join("auth.json"), FileType::Fifo, owner, 0).unwrap();
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
            (directory, "cannot be read"),
            (fifo, "cannot be read"),
            (large, "cannot be read"),
            (dangling, "leads nowhere or in a circle"),
            (circle, "leads nowhere or in a circle"),
            (elsewhere, "cannot be read"),
            (folder, "cannot be read"),
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
                assert!(ended.stderr.contains(&path.display().to_string()));
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
        let ended = fails(at(&home, &["status"]), 1, "cannot be read");
        assert!(ended.stderr.contains(&format!("ls -l {quoted}\n")));
        let ended = fails(at(&home, &["logout"]), 1, "cannot be removed");
        assert!(ended.stderr.contains(&format!("rm {quoted}\n")));
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
                assert!(
                    ended.stderr.contains(&path.display().to_string()),
                    "{ended:?}"
                );
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
        fails(at(&directory, &["logout"]), 1, "cannot be removed");
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
    fn a_device_without_end_is_not_read() {
        let stage = Stage::new();
        fs::create_dir(stage.codex_home()).unwrap();
        symlink("/dev/zero", stage.auth_file()).unwrap();
        fails(at(&stage.codex_home(), &["status"]), 1, "cannot be read");
    }

    #[test]
    fn damage_is_named_by_line_and_column_without_its_text() {
        let stage = Stage::new();
        for (text, place) in [
            ("", "line 1, column 0"),
            ("sk-secret", "line 1, column 1"),
            ("{\n  \"OPENAI_API_KEY\": sk-secret", "line 2, column 21"),
            ("{\"tokens\": \"rt-secret\"}", "line 1, column"),
            ("[]", "line 1, column"),
            ("\u{feff}{}", "line 1, column 1"),
        ] {
            stage.write_auth_file(text);
            for words in [&["status"][..], &["token"]] {
                let ended = run(&stage, words).failed(1, place);
                is_clear(&ended);
                assert!(!ended.stderr.contains("secret"), "{ended:?}");
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
    fn signing_in_over_a_damaged_file_repairs_it() {
        let stage = Stage::new();
        stage.write_auth_file("{");
        let login = Run::new(&stage, &["login"]).starts();
        stage.browse(&stage.approve(&login.link()));
        login.ended().succeeded();
        assert_eq!(stage.auth_json()["auth_mode"], "chatgpt");
    }
}
