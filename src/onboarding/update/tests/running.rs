//! Programs that still use the previous sign-in, and the workspace's name.

use super::*;
use crate::onboarding::known::Running;

fn running(stop_command: Option<&str>) -> Message {
    Message::Running(Running {
        programs: vec!["a running Codex (pid 4711)".to_owned()],
        stop_command: stop_command.map(str::to_owned),
        ending: false,
    })
}

fn succeeded() -> Model {
    let mut model = waiting(model());
    let completed = Message::Status(Status::Completed(who()));
    assert_eq!(send(&mut model, completed), "look, AskWorkspace");
    model
}

#[test]
fn a_program_that_uses_the_earlier_sign_in_is_ended_by_a_letter_or_a_digit() {
    for key in ["e", "1", "E"] {
        let mut model = succeeded();
        assert_eq!(type_keys(&mut model, key), "", "nothing runs");
        send(&mut model, running(Some("codex app-server daemon stop")));
        assert_eq!(type_keys(&mut model, key), "EndRunning");
        assert_eq!(type_keys(&mut model, key), "", "it is on its way");
        assert_eq!(model.next_tick(), None);
        send(
            &mut model,
            Message::RunningEnded(Ok(()), Running::default()),
        );
        assert_eq!(model.notices, ["a running Codex (pid 4711) has ended"]);
        assert_eq!(type_keys(&mut model, key), "");
        assert_eq!(type_keys(&mut model, "\n"), "Quit(SignedIn)");
    }
}

#[test]
fn one_without_such_a_command_is_named_and_no_key_is_offered() {
    let mut model = succeeded();
    send(&mut model, running(None));
    assert_eq!(type_keys(&mut model, "e"), "");
}

#[test]
fn one_that_does_not_end_is_still_there_and_can_be_ended_again() {
    let mut model = succeeded();
    send(&mut model, running(Some("stop")));
    type_keys(&mut model, "e");
    let Message::Running(left) = running(Some("stop")) else {
        unreachable!()
    };
    send(&mut model, Message::RunningEnded(Err(failure()), left));
    assert_eq!(model.notices, ["warning: Token exchange failed"]);
    assert_eq!(type_keys(&mut model, "e"), "EndRunning");
}

#[test]
fn beside_the_accounts_it_is_the_last_choice() {
    let mut model = with_parked(&["bob"]);
    assert_eq!(first_effects(&model).len(), 1);
    send(&mut model, running(Some("stop")));
    assert_eq!(type_keys(&mut model, "5"), "EndRunning");
    assert_eq!(type_keys(&mut model, "\n"), "Quit(SignedIn)", "the first");
}

#[test]
fn after_each_change_of_the_account_programs_are_looked_for_anew() {
    let mut model = signed_in();
    send(&mut model, running(Some("stop")));
    let known = model.facts.accounts.clone();
    let used = Message::AccountUsed(Ok(Box::new(known)));
    assert_eq!(send(&mut model, used), "look");
    assert_eq!(model.facts.running, None);
    let signed_out = Message::SignedOut(Ok(Revocation::Revoked));
    assert_eq!(send(&mut model, signed_out), "look");
    let mut key = model;
    let who = Who {
        mode: Mode::ApiKey,
        ..who()
    };
    assert_eq!(
        send(&mut key, Message::Status(Status::Completed(who))),
        "look"
    );
}

#[test]
fn the_workspace_has_its_name_once_that_is_known() {
    let mut model = succeeded();
    send(
        &mut model,
        Message::Workspace("Analytical Engines".to_owned()),
    );
    let Screen::Success(screen) = &model.screen else {
        panic!("{:?}", model.screen);
    };
    assert_eq!(screen.workspace.as_deref(), Some("Analytical Engines"));
}
