//! README.md and the pages of docs/: every command in them does what stands beside it, and every
//! link leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::accounts::{names, profile, with_accounts};
use crate::executable;
use crate::patience::wait_until;
use crate::program::{Run, run};
use crate::stage::{PROGRAM, Stage};
use crate::transcript::Transcript;

/// The commands of cargo's that the pages name, and the file that runs each.
const OF_CARGO: [(&str, &str, &str); 6] = [
    ("cargo run -- demo", ".ci/run", "codex-onboarding demo"),
    ("cargo test", ".ci/run", "cargo test --locked"),
    (
        "cargo install --path .",
        ".ci/platforms",
        "cargo install --locked --path .",
    ),
    (
        "cargo run --example plain",
        "tests/examples.rs",
        "example(\"plain\")",
    ),
    (
        "cargo run --example own_screen",
        "tests/examples.rs",
        "start(\"own_screen\")",
    ),
    (
        "cargo run --example bearer",
        "tests/examples.rs",
        "start(\"bearer\")",
    ),
];

/// Stand-ins for other programs of the pages. They fail where they are given nothing to use.
const STAND_INS: [(&str, &str); 3] = [
    ("gh", "grep -q chatgptAuthTokens"),
    (
        "docker",
        "for word; do case $word in *:*/.codex) test -s \"${word%%:*}/auth.json\" && exit; esac; done; exit 1",
    ),
    ("codex", "test -s \"${CODEX_HOME:?}/auth.json\""),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the pages of docs/, with their texts.
fn pages() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let texts = docs.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let pages = texts.chain([root().join("README.md")]);
    pages
        .map(|page| (page.clone(), fs::read_to_string(page).unwrap()))
        .collect()
}

/// The blocks of code in this language, on all pages.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let texts = pages().into_iter().flat_map(|(_, text)| {
        let parts = text.split(&fence).skip(1);
        let blocks = parts.map(|part| part.split("```").next().unwrap().to_owned());
        blocks.collect::<Vec<_>>()
    });
    texts.collect()
}

/// A stage with two accounts, where the pages' programs are the stand-ins, and this one is led to
/// the stage's issuer.
fn furnished() -> Stage {
    let stage = with_accounts(&["ada", "home"]);
    stage.issuer.set_profile(profile("work"));
    let programs = stage.home().join("programs");
    fs::create_dir(&programs).unwrap();
    let arguments = stage.arguments().join("' '");
    let ours = format!("exec '{PROGRAM}' '{arguments}' \"$@\"");
    for (name, script) in STAND_INS.into_iter().chain([("codex-onboarding", &*ours)]) {
        executable::write(&programs.join(name), format!("#!/bin/sh\n{script}\n"));
    }
    stage
}

/// Starts a script on a furnished stage. What it leaves behind ends with it.
fn starts(stage: &Stage, script: &str) -> (std::process::Child, Transcript) {
    let script = format!("exec 2>&1\n{script}\nfor job in $(jobs -p); do kill $job || true; done");
    let mut bash = Command::new("bash")
        .args(["-eu", "-o", "pipefail", "-c", &script])
        .env_clear()
        .envs(stage.environment())
        .env(
            "PATH",
            format!("{}/programs:/usr/bin:/bin", stage.home().display()),
        )
        .env("RUNNER_TEMP", stage.home().join("runner"))
        .env("GITHUB_ENV", stage.home().join("github-env"))
        .env(
            "OPENAI_API_KEY",
            "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz",
        )
        .current_dir(stage.home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Transcript::of(bash.stdout.take().unwrap());
    (bash, said)
}

/// Runs a script to its end, and returns its exit code.
fn code_of(stage: &Stage, script: &str) -> i32 {
    let (mut bash, said) = starts(stage, script);
    assert!(said.all().is_some(), "{script} goes on:\n{}", said.so_far());
    let code = bash.wait().unwrap().code().unwrap();
    println!("{script}\n{}{code}", said.so_far());
    code
}

/// Approves whatever a script asks a person for.
fn approve(stage: &Stage, script: &str, said: &Transcript) {
    if script.contains("accounts add") {
        let text = said.until("a link", |text| text.contains("&originator=codex_cli_rs"));
        let link = text.lines().find(|line| line.starts_with("http")).unwrap();
        stage.browse(&stage.approve(link));
    }
    if script.contains("--device-auth") {
        let text = said.until("a code", |text| {
            text.contains(" and enter ") && text.ends_with('\n')
        });
        let (_, code) = text.split_once(" and enter ").unwrap();
        stage.approve_device(code.trim());
    }
}

#[test]
fn every_block_of_commands_runs_as_it_stands() {
    let mut ran = 0;
    for script in blocks("sh") {
        // They have tests of their own, below and where OF_CARGO says.
        if script.contains("cargo ") || script.contains("--no-wait") {
            continue;
        }
        if script.contains("jq ") && !Path::new("/usr/bin/jq").exists() {
            println!("SKIPPED: there is no jq for\n{script}");
            continue;
        }
        let stage = furnished();
        let (mut bash, said) = starts(&stage, &script);
        approve(&stage, &script, &said);
        let Some(said) = said.all() else {
            panic!("{script} goes on:\n{}", said.so_far());
        };
        assert!(bash.wait().unwrap().success(), "{script}:\n{said}");
        if script.contains("accounts use work") {
            assert_eq!(names(&stage), ["work*", "ada", "home"]);
        }
        ran += 1;
    }
    assert!(ran >= 5, "{ran}");
}

#[test]
fn the_four_steps_for_agents_sign_in_without_a_process_that_waits() {
    let blocks = blocks("sh");
    let block = blocks.iter().find(|block| block.contains("--no-wait"));
    let [begin, show, resume, check] = block.unwrap().lines().collect::<Vec<_>>()[..] else {
        panic!("not four: {block:?}");
    };
    let stage = furnished();
    assert_eq!(code_of(&stage, begin), 0);
    let events = fs::read_to_string(stage.home().join("events")).unwrap();
    let events = events.lines().map(serde_json::from_str::<Value>);
    let events: Vec<Value> = events.map(Result::unwrap).collect();
    let code = events.iter().find_map(|event| event["user_code"].as_str());
    if Path::new("/usr/bin/jq").exists() {
        let (mut bash, said) = starts(&stage, show);
        let said = said.all().unwrap();
        assert!(bash.wait().unwrap().success());
        assert!(
            said.contains(code.unwrap()) && said.contains("/oauth/authorize?"),
            "{said}"
        );
        assert!(!said.contains("null"), "{said}");
    }
    assert_eq!(code_of(&stage, resume), 75);
    stage.approve_device(code.unwrap());
    wait_until("the end of the interval", || code_of(&stage, resume) == 0);
    assert_eq!(stage.auth_json()["tokens"]["account_id"], "acct-work");
    // Only OpenAI's own sessions can be checked.
    assert_eq!(code_of(&stage, check), 75);
}

#[test]
fn the_workflow_and_the_devcontainer_use_the_lent_session() {
    let stage = furnished();
    let lent = run(&stage, &["lend"]).succeeded().stdout;
    let [workflow] = &blocks("yaml")[..] else {
        panic!("another workflow")
    };
    let commands = workflow.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("- run: ");
        let is_command = !line.is_empty() && line != "|" && !line.ends_with(':');
        (is_command && !line.starts_with("CODEX_AUTH_JSON: ")).then_some(line)
    });
    let script: Vec<&str> = commands.collect();
    let (last, first) = script.split_last().unwrap();
    let script = format!(
        "export CODEX_AUTH_JSON='{lent}'\n{}\n. \"$GITHUB_ENV\"\nexport CODEX_HOME\n{last}",
        first.join("\n")
    );
    assert_eq!(code_of(&stage, &script), 0);
    let written = fs::read_to_string(stage.home().join("runner/codex/auth.json")).unwrap();
    assert_eq!(written.trim(), lent.trim());

    let [devcontainer] = &blocks("json")[..] else {
        panic!("another devcontainer")
    };
    let devcontainer: Value = serde_json::from_str(devcontainer).unwrap();
    let mount = devcontainer["mounts"][0].as_str().unwrap();
    assert!(
        mount.starts_with("source=${localEnv:HOME}/.codex-lent,"),
        "{mount}"
    );
    let command = devcontainer["initializeCommand"].as_str().unwrap();
    assert_eq!(code_of(&stage, command), 0);
    assert!(stage.home().join(".codex-lent/auth.json").exists());
}

#[test]
fn every_command_of_cargo_is_run_elsewhere() {
    for block in blocks("sh") {
        for line in block.lines().filter(|line| line.starts_with("cargo ")) {
            let command = line.split('#').next().unwrap().trim();
            let known = OF_CARGO.iter().find(|it| it.0 == command);
            let (_, file, words) = known.unwrap_or_else(|| panic!("nothing runs {command}"));
            let text = fs::read_to_string(root().join(file)).unwrap();
            assert!(text.contains(words), "{file} does not run {command}");
        }
    }
}

#[test]
fn every_command_within_a_sentence_is_one() {
    let mut count = 0;
    for (page, text) in pages() {
        for code in text.split('`').skip(1).step_by(2) {
            let Some(words) = code.strip_prefix("codex-onboarding ") else {
                continue;
            };
            let words: Vec<&str> = words.split(' ').chain(["--help"]).collect();
            let ended = Run::bare(&words).ends();
            assert_eq!(ended.code(), 0, "{}: {code}\n{ended:?}", page.display());
            count += 1;
        }
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn every_link_leads_to_a_file_and_the_readme_stays_short() {
    for (page, text) in pages() {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let path = page.parent().unwrap().join(link.split('#').next().unwrap());
            let is_there = link.starts_with("https://") || path.exists();
            assert!(is_there, "{} links to {link}", page.display());
        }
        assert!(!page.ends_with("README.md") || text.lines().count() <= 200);
    }
}
