//! The sign-in itself, line by line against the embedded issuer: what is said, shown in the
//! browser, written, and sent.

use std::path::PathBuf;

use codex_onboarding::demo::{BrowserPage, Profile};
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::{Ended, Options};
use codex_onboarding::sign_in::{Port, SignInOptions};

use crate::issuer::{Fault, Route};
use crate::stage::Stage;
use crate::subject::{self, CLIENT_ID};
use crate::talk::Talk;
use crate::words;

const OPEN: &str = "open the following link to authenticate:";
const KEY: &str = "ak-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

/// Acme's issuer.
fn stage() -> Stage {
    Stage::with(Profile::default().client_id(CLIENT_ID))
}

fn home(stage: &Stage) -> PathBuf {
    stage.home().join(subject::HOME)
}

fn sign_in(stage: &Stage) -> SignInOptions {
    let issuer = subject::issuer_at(stage.issuer.url());
    let mut options = SignInOptions::new(issuer, subject::store(home(stage)));
    options.port = Port::Exactly(0);
    options
}

fn talk(stage: &Stage, environment: Environment) -> Talk {
    let mut options = Options::new(sign_in(stage), environment);
    options.facts.remote = None;
    Talk::with(options)
}

/// Ends like this, and no word of Codex's was said.
#[track_caller]
fn ends(talk: Talk, expected: Ended) -> String {
    let (ended, said) = talk.ended();
    assert_eq!(ended, expected, "{said}");
    words::are_acmes("the conversation", &said);
    said
}

/// What a page says, without its style sheet, in which `--name` is a variable.
fn text_of(page: &BrowserPage) -> String {
    let (head, rest) = page.body.split_once("<style>").unwrap();
    format!("{head}{}", rest.split_once("</style>").unwrap().1)
}

#[track_caller]
fn page_is_acmes(page: &BrowserPage, status: u16) -> String {
    assert_eq!(page.status, status);
    let text = text_of(page);
    words::are_acmes("the page", &text);
    text
}

fn files(stage: &Stage) -> Vec<String> {
    let entries = home(stage).read_dir().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn through_the_browser_and_out_again() {
    let stage = stage();
    let mut first = talk(&stage, Environment::default());
    first.hears("1. Sign in with Acme. Included with your Acme plan.");
    first.answer("?");
    first.answer("1");
    let link = first.hears_below(OPEN);
    words::are_acmes("the link", &link);
    let page = page_is_acmes(&stage.browse(&stage.approve(&link)), 200);
    assert!(page.contains("Signed in to Acme"), "{page}");
    let said = ends(first, Ended::SignedIn);
    assert!(said.contains("Signed in with your Acme account"), "{said}");
    assert!(said.contains("Run acme to start."), "{said}");
    assert_eq!(files(&stage), ["acme.json", "acme.json.lock", "acme.lock"]);

    let mut second = talk(&stage, Environment::default());
    second.hears("Stored: Acme tokens in ");
    second.answer("3");
    second.answer("y");
    second.hears("Signed out");
    second.answer("q");
    ends(second, Ended::Cancelled);
    assert_eq!(files(&stage), ["acme.json.lock", "acme.lock"]);
    sent_as_acme(&stage);
}

#[test]
fn by_device_code() {
    let stage = stage();
    let mut talk = talk(&stage, Environment::default());
    talk.answer("3");
    let code = talk.hears_below("Type in this code:");
    stage.approve_device(&code);
    let said = ends(talk, Ended::SignedIn);
    assert!(said.contains(&format!("{}/device", stage.issuer.url())));
    sent_as_acme(&stage);
}

/// Neither names nor parameters nor addresses of Codex's reach Acme's issuer.
#[track_caller]
fn sent_as_acme(stage: &Stage) {
    let requests = stage.issuer.requests();
    let own = requests.iter().filter(|request| {
        // The rest is the person's browser, which the issuer's own pages send about.
        [
            Route::Token,
            Route::UserCode,
            Route::DeviceToken,
            Route::Revoke,
        ]
        .contains(&request.route)
    });
    for request in own {
        let headers = &request.headers;
        assert_eq!(headers["user-agent"], "acme/1.0");
        words::are_acmes("a request", &format!("{} {headers:?}", request.path));
        for (name, value) in &request.params.pairs {
            words::are_acmes("a parameter", &format!("{name}={value}"));
        }
    }
}

#[test]
fn a_key_that_is_entered_and_one_of_the_environment() {
    let stage = stage();
    let environment = [("OPENAI_API_KEY", "sk-not-acmes"), ("CODEX_HOME", "/codex")];
    let mut first = talk(&stage, Environment::from(environment));
    first.answer("2");
    first.hears("https://acme.example/keys");
    first.answer("ak with a blank");
    first.hears("Error: The API key has a space at position 3");
    first.answer("b");
    first.answer("q");
    ends(first, Ended::Cancelled);

    let mut second = talk(&stage, Environment::from([("ACME_API_KEY", KEY)]));
    second.hears("ACME_API_KEY is set, but not stored");
    second.answer("2");
    second.hears("type e to save ACME_API_KEY");
    second.answer("e");
    ends(second, Ended::SignedIn);
}

#[test]
fn settings_of_codex_in_the_same_folder_mean_nothing() {
    let stage = stage();
    std::fs::create_dir(home(&stage)).unwrap();
    let settings = "forced_login_method = \"api\"\ncli_auth_credentials_store = \"keyring\"\n";
    std::fs::write(home(&stage).join("config.toml"), settings).unwrap();
    std::fs::write(home(&stage).join("auth.json"), "{ not json").unwrap();
    let mut talk = talk(&stage, Environment::default());
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    stage.browse(&stage.approve(&link));
    ends(talk, Ended::SignedIn);
}

#[test]
fn refused_denied_and_failed() {
    let stage = stage();
    let mut talk = talk(&stage, Environment::default());
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    talk.answer("code=1&state=older");
    talk.hears("Error: ");
    page_is_acmes(&stage.browse(&stage.deny(&link)), 403);
    talk.hears("Sign-in did not complete");

    talk.answer("r");
    let link = talk.hears_below(OPEN);
    stage.issuer.fault(Route::Token, Fault::Reset);
    let callback = stage.approve(&link);
    let altered = callback.replace("state=", "state=x");
    page_is_acmes(&stage.browse(&altered), 400);
    page_is_acmes(&stage.browse(&callback), 500);
    talk.hears("Because: ");

    stage
        .issuer
        .fault(Route::UserCode, Fault::Status(404, "{}".to_owned()));
    talk.answer("r");
    talk.hears_below(OPEN);
    talk.answer("d");
    talk.hears("Error: Device code login is not enabled");
    talk.answer("c");
    talk.answer("q");
    ends(talk, Ended::Cancelled);
}

#[test]
fn a_folder_that_cannot_be_made_and_a_damaged_file() {
    let stage = stage();
    std::fs::write(home(&stage), "a file").unwrap();
    let mut first = talk(&stage, Environment::default());
    // Said before anybody is sent to a browser.
    first.answer("1");
    first.hears("for example with ACME_HOME");
    first.answer("q");
    ends(first, Ended::Cancelled);

    std::fs::remove_file(home(&stage)).unwrap();
    std::fs::create_dir(home(&stage)).unwrap();
    std::fs::write(home(&stage).join(subject::FILE), "{ not json").unwrap();
    let mut second = talk(&stage, Environment::default());
    second.hears("line 1, column 3");
    second.answer("q");
    ends(second, Ended::Cancelled);
}
