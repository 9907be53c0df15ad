//! `demo` without a terminal: it plays the person too, and leaves nothing behind.

use crate::program::Run;
use crate::stage::Stage;

#[test]
fn it_signs_in_by_itself_and_leaves_nothing_behind() {
    let stage = Stage::new();
    let temporary = stage.home().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let demo = Run::new(&stage, &["demo"]).variable("TMPDIR", &temporary);
    let ended = demo.ends().succeeded();
    for step in [
        "nothing leaves it",
        "Starting local login server on http://localhost:",
        "the person opens the link and presses Approve",
        "the browser shows /success (200)",
        "Successfully logged in",
        "status says:",
        "it works; everything it saved is deleted",
    ] {
        ended.says(step);
    }
    assert!(ended.stdout.starts_with("Logged in using ChatGPT\n"));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    // It touches neither the stage's issuer nor its home.
    assert!(stage.issuer.requests().is_empty());
    assert!(!stage.codex_home().exists());
}

#[test]
fn it_needs_nothing_from_its_surroundings() {
    let demo = Run::bare(&["demo"]).variable("HOME", "/nonexistent");
    demo.variable("OPENAI_API_KEY", "sk-of-nobodys-business")
        .ends()
        .succeeded();
}
