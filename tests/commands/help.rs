//! Help, version, completions and manual page, the trace, and runs without a terminal.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::login::command;
use crate::program::{Run, run};
use crate::stage::{PROGRAM, Stage};

#[test]
fn help_and_version_are_results_on_standard_output() {
    for word in ["-h", "--help"] {
        let help = Run::bare(&[word]).ends().succeeded();
        assert_eq!(
            help.stdout.trim_end(),
            include_str!("../../assets/help.txt").trim_end()
        );
        assert_eq!(help.stderr, "");
    }
    let version = Run::bare(&["--version"]).ends().succeeded();
    assert_eq!(
        version.stdout,
        concat!("codex-onboarding ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let login = Run::bare(&["login", "--help"]).ends().succeeded();
    login.prints("--device-auth");
    let demo = Run::bare(&["demo", "--help"]).ends().succeeded();
    demo.prints("it ignores --codex-home");
}

#[test]
fn words_that_nobody_knows_are_a_usage_error() {
    for words in [
        &["sign-on"][..],
        &["--nonsense"],
        &["login", "--timeout", "soon"],
        &["login", "--timeout", "0s"],
        &["login", "--device-auth", "--with-api-key"],
        &["login", "--with-api-key", "--exchange-api-key"],
        &["--port", "65536"],
        &["completions", "smoke-signals"],
    ] {
        let ended = Run::bare(words).ends().failed(2, "error: ");
        assert_eq!(ended.stdout, "", "{words:?}");
    }
    Run::bare(&["lgin"]).ends().failed(2, "'login'");
}

#[test]
fn without_a_terminal_the_full_screen_names_login() {
    let stage = Stage::new();
    let ended = run(&stage, &[]).failed(2, "The full screen needs a terminal");
    ended.says("codex-onboarding login");
    assert_eq!(ended.stdout, "");
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_command_in_a_hint_is_for_the_same_issuer_and_codex_home() {
    let stage = Stage::new();
    for (words, named) in [
        (&[][..], "login"),
        (&["status"], "login"),
        (&["token"], "login"),
        (&["accounts"], "login"),
        (&["exec", "true"], "exec --account NAME"),
        (&["login", "--with-api-key"], "login --with-access-token"),
    ] {
        let ended = match words {
            ["exec", rest @ ..] => Run::exec(&stage, rest).ends(),
            _ => Run::new(&stage, words).takes(b"at-1\n"),
        };
        let named = command(&stage, named);
        ended.says(&named);
    }
}

#[test]
fn if_needed_is_satisfied_by_stored_credentials_alone_without_the_network() {
    let stage = Stage::new();
    run(&stage, &["--if-needed"]).failed(2, "needs a terminal");
    // Codex reads no key from the environment.
    let with_key = Run::bare(&["--if-needed"])
        .variable("HOME", stage.home())
        .variable("OPENAI_API_KEY", "sk-1");
    with_key.ends().failed(2, "needs a terminal");
    stage.sign_in();
    let ended = run(&stage, &["--if-needed"]).succeeded();
    assert_eq!((ended.stdout, ended.stderr), (String::new(), String::new()));
    // A damaged file, or one without a secret, is a reason to show the screen.
    for file in ["{", "{}"] {
        stage.write_auth_file(file);
        run(&stage, &["--if-needed"]).failed(2, "needs a terminal");
    }
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn the_trace_is_on_standard_error_by_flag_and_by_variable() {
    let stage = Stage::new();
    let device = ["login", "--device-auth"];
    let traced = |run: Run| {
        let login = run.starts();
        login.stderr.hears("Never share this code");
        login.signal(Signal::INT);
        let ended = login.ended().failed(130, "cancelled");
        assert_eq!(ended.stdout, "");
        ended.stderr.contains("issuer answered")
    };
    assert!(traced(Run::new(
        &stage,
        &[&device[..], &["--verbose"]].concat()
    )));
    for (value, expected) in [("1", true), ("true", true), ("0", false), ("", false)] {
        let run = Run::new(&stage, &device).variable("CODEX_LOGIN_TRACE", value);
        assert_eq!(traced(run), expected, "{value}");
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    for (shell, sign) in [
        ("bash", "complete -F _codex__onboarding"),
        ("zsh", "#compdef codex-onboarding"),
        ("fish", "complete -c codex-onboarding"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = Run::bare(&["completions", shell]).ends().succeeded();
        script.prints(sign);
        script.prints("with-api-key");
        assert_eq!(script.stderr, "");
    }
}

#[test]
fn a_shell_takes_its_completions() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = Run::bare(&["completions", shell]).ends().stdout;
        let mut command = Command::new(shell);
        command.arg(check).stdin(Stdio::piped());
        // Not every machine has every shell.
        let Ok(mut child) = command.spawn() else {
            continue;
        };
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success(), "{shell}");
    }
}

#[test]
fn bash_offers_the_options_of_each_command() {
    let script = Run::bare(&["completions", "bash"]).ends().stdout;
    let names = script.split("cmd=\"").skip(1);
    let names = names.filter_map(|rest| rest.split_once('"'));
    let names: Vec<&str> = names
        .map(|(name, _)| name)
        .filter(|it| !it.is_empty())
        .collect();
    assert!(names.len() > 7, "{names:?}");
    for name in names {
        assert!(script.contains(&format!("\n        {name})\n")), "{name}");
    }
}

#[test]
fn the_manual_page_names_commands_options_environment_and_exit_codes() {
    let page = Run::bare(&["man"]).ends().succeeded();
    page.prints(".TH codex-onboarding 1");
    for word in [
        "COMMANDS",
        "device",
        "ENVIRONMENT",
        "CODEX_HOME",
        "EXIT STATUS",
        "143",
        "exchange",
    ] {
        page.prints(word);
    }
    assert_eq!(page.stderr, "");
}

#[test]
fn whoever_has_read_enough_has_not_failed() {
    for words in [
        &["man"][..],
        &["completions", "bash"],
        &["--help"],
        &["status"],
    ] {
        let mut child = Command::new(PROGRAM)
            .args(words)
            .env_clear()
            .env("HOME", "/nonexistent")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!said.contains("panicked"), "{said}");
        let expected = i32::from(words == ["status"]);
        assert_eq!(ended.status.code(), Some(expected), "{words:?}: {said}");
    }
}
