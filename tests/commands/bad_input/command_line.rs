//! Arguments and variables that make no sense.

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
            ended.says(way);
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
            ended.says("https://auth.openai.com");
            assert!(!ended.stderr.contains(['\u{1b}', '\u{202e}']));
        }
    }
}

#[test]
fn whoever_asked_for_json_gets_a_usage_error_as_json_too() {
    let stage = Stage::new();
    let to = stage.home().join("lent").display().to_string();
    for (words, event) in [
        (&["login", "--json", "--timeout", "0s"][..], "failed"),
        (&["login", "--json", "--issuer", "x"], "failed"),
        (&["accounts", "add", "--json", "--name", "X Y"], "failed"),
        (&["lend", "--json", "--to", &to, "--issuer", "x"], "failed"),
        (&["status", "--json", "--issuer", "x"], ""),
        (&["accounts", "--json", "--issuer", "x"], ""),
    ] {
        let ended = Run::bare(words).variable("HOME", stage.home()).ends();
        let said = ended.failed(2, "error: ").json();
        assert_eq!(
            said["event"].as_str().unwrap_or_default(),
            event,
            "{words:?}"
        );
        assert_eq!(said["error"]["kind"], "usage", "{words:?}");
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
    for path in ["/dev/null/log", "/"] {
        let run = Run::bare(&["status", "--log-file", path]).variable("HOME", "/nonexistent");
        run.ends()
            .failed(2, &format!("Could not write the log file {path}"));
    }
}

#[test]
fn a_log_file_that_is_a_link_or_a_fifo_is_refused_at_once() {
    let stage = Stage::new();
    let (link, target) = (stage.home().join("link"), stage.home().join("target"));
    symlink(&target, &link).unwrap();
    let fifo = stage.home().join("fifo");
    make_fifo(&fifo);
    let log_to = |path: &Path| {
        let path = path.display().to_string();
        let run = Run::new(&stage, &["status", "--log-file", &path]);
        fails(run, 2, &format!("Could not write the log file {path}"));
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
fn a_secret_in_an_argument_is_not_repeated() {
    for secret in ["sk-proj-", "at-", "eyJ"] {
        let secret = format!("{secret}canary0123456789");
        let forms = [
            secret.clone(),
            format!("--with-api-key={secret}"),
            format!("OPENAI_API_KEY={secret}"),
            format!("Bearer {secret}"),
            format!("\u{200b}\"{secret}\""),
            format!("--{secret}"),
        ];
        for form in &forms {
            let ended = Run::bare(&["login", form]).ends().failed(2, "error: ");
            let said = &ended.stderr;
            assert!(!said.contains("canary"), "{said}");
            assert!(said.contains("on standard input"), "{said}");
        }
        let issuer = ["status", "--issuer", &secret];
        let account = ["accounts", "use", &secret];
        let name = ["accounts", "add", "--name", &format!("X {secret}")];
        for words in [&issuer[..], &account, &name] {
            let ended = Run::bare(words).ends().failed(2, "error: ");
            ended.never_says("canary");
        }
    }
}

#[test]
fn what_follows_a_flag_for_a_secret_is_not_repeated_whatever_it_looks_like() {
    for flag in ["--with-api-key", "--with-access-token"] {
        let joined = format!("{flag}=canary");
        for words in [&["login", flag, "canary"][..], &["login", &joined]] {
            let said = Run::bare(words).ends().failed(2, "error: ").stderr;
            assert!(!said.contains("canary"), "{said}");
            assert!(said.contains("on standard input"), "{said}");
        }
    }
}

#[test]
fn an_absurd_argument_is_cut_and_harmless() {
    let long = "x".repeat(100_000);
    let run = Run::bare(&["status", "--issuer", &long]).variable("HOME", "/nonexistent");
    fails(run, 2, "is not a URL");
}
