//! What the library says to a host that has a screen of its own: errors, hints and notices.

use std::sync::{Arc, Mutex};

use codex_onboarding::Error;
use codex_onboarding::auth::{Issuer, Notify, Save, Session, SessionOptions, Store, sign_out};
use codex_onboarding::demo::Profile;
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions};
use tempfile::TempDir;

use crate::issuer::{Fault, Route, TestIssuer};
use crate::subject::{self, CLIENT_ID};
use crate::words;

struct Host {
    demo: TestIssuer,
    issuer: Issuer,
    home: TempDir,
    store: Store,
}

impl Host {
    fn new() -> Self {
        let demo = TestIssuer::start(Profile::default().client_id(CLIENT_ID));
        let home = tempfile::tempdir().unwrap();
        Self {
            issuer: subject::issuer_at(demo.url()),
            store: subject::store(home.path().to_owned()),
            demo,
            home,
        }
    }

    fn write(&self, text: &str) {
        std::fs::write(self.home.path().join(subject::FILE), text).unwrap();
    }

    /// Somebody is signed in.
    fn session(&self) -> Session {
        let tokens = self.demo.issue_tokens();
        let file = crate::stage::auth_json(&tokens, &chrono::Utc::now().to_rfc3339());
        self.write(&file.to_string());
        self.load().unwrap().unwrap()
    }

    fn load(&self) -> Result<Option<Session>, Error> {
        Session::load(&SessionOptions::new(
            self.store.clone(),
            self.issuer.clone(),
        ))
    }
}

/// All that an error has to say.
#[track_caller]
fn is_acmes(error: &Error) {
    let hint = error.hint().unwrap_or_default();
    words::are_acmes(
        "an error",
        &format!("{} / {hint} / {error:?}", error.in_full()),
    );
}

#[tokio::test]
async fn a_session_from_its_bearer_to_its_end() {
    let host = Host::new();
    let session = host.session();
    let endpoint = session.endpoint().await.unwrap();
    assert_eq!(endpoint.base_url, "https://api.acme.example/v1");
    words::are_acmes("the endpoint", &format!("{endpoint:?}"));
    assert_eq!(endpoint.headers["acme-account"], "acct-demo");

    host.demo.fault(Route::Token, Fault::Reset);
    is_acmes(&session.refresh().await.unwrap_err());
    host.demo
        .fault(Route::Token, Fault::Status(200, "no json".to_owned()));
    is_acmes(&session.refresh().await.unwrap_err());
    host.demo.expire_sessions();
    is_acmes(&session.refresh().await.unwrap_err());
    sign_out(&host.store, Some(&host.issuer)).await.unwrap();
    is_acmes(&session.refresh().await.unwrap_err());
}

#[tokio::test]
async fn files_that_are_of_no_use() {
    let host = Host::new();
    for text in [
        "{ not json",
        r#"{"tokens": 1}"#,
        "{}",
        r#"{"auth_mode": "apikey"}"#,
    ] {
        host.write(text);
        is_acmes(&host.load().unwrap_err());
    }
    let key = || "ak-1".into();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notify = {
        let told = Arc::clone(&told);
        Notify::new(move |text| told.lock().unwrap().push(text))
    };
    let store = host.store.notifying(&notify);
    let save = Save::api_key(&store, &key()).await.unwrap();
    save.commit().await.unwrap();
    for text in told.lock().unwrap().iter() {
        words::are_acmes("a notice", text);
    }
    host.write("");
    std::fs::remove_file(host.store.path()).unwrap();
    std::fs::create_dir(host.store.path()).unwrap();
    let save = Save::api_key(&store, &key()).await;
    is_acmes(&save.err().unwrap());
    is_acmes(&sign_out(&store, None).await.unwrap_err());
}

#[tokio::test]
async fn a_port_that_is_taken_and_an_address_that_is_not_ours() {
    let host = Host::new();
    let options = |port| {
        let mut options = SignInOptions::new(host.issuer.clone(), host.store.clone());
        options.port = Port::Exactly(port);
        options
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    is_acmes(&SignIn::start(options(port)).err().unwrap());
    let sign_in = SignIn::start(options(0)).unwrap();
    for text in ["", "hello", "https://acme.example/", "code=1&state=older"] {
        is_acmes(&sign_in.submit(text).unwrap_err());
    }
}
