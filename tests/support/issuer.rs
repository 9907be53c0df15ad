//! The demo's issuer, with a log of its requests, and gates and faults in front of its routes.

mod broken;
mod faults;
mod gates;

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use codex_onboarding::demo::{DemoIssuer, IssuedTokens, Params, Profile, TokenKind};
use serde_json::{Value, json};

pub use faults::Fault;
pub use gates::Gate;

use faults::Faults;
use gates::Gates;

/// The `error_description` of [`Fault::HostileText`]: a screen wipe, a title change, a bell, a
/// bidirectional override, zero-width characters, line breaks and HTML, and more of it than a
/// program should show.
pub const HOSTILE_TEXT: &str = concat!(
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}[H\u{1b}]0;owned\u{7}\u{9b}31m",
    "\u{202e}desrever\u{202c} zero\u{200b}width\u{feff}\r\nSuccessfully logged in\r\n",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
);

/// A running issuer that misbehaves as a test wants.
pub struct TestIssuer {
    demo: DemoIssuer,
    plan: Arc<Mutex<Plan>>,
}

/// The requests so far, and the plan for those to come.
#[derive(Default)]
struct Plan {
    log: Vec<Received>,
    faults: Faults,
    gates: Gates,
}

impl TestIssuer {
    pub fn start(profile: Profile) -> Self {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        let demo = DemoIssuer::start_with(profile, move |request, next| {
            let plan = Arc::clone(&shared);
            Box::pin(async move {
                let received = Received::of(&request);
                let route = received.route;
                let gates = {
                    let mut plan = plan.lock().unwrap();
                    plan.log.push(received);
                    plan.gates.arrive(route)
                };
                for gate in gates {
                    gate.pass().await;
                }
                let fault = plan.lock().unwrap().faults.next(route);
                match fault {
                    None => next.run(request).await,
                    Some(fault) => fault.play(request, next).await,
                }
            })
        });
        Self {
            demo: demo.unwrap(),
            plan,
        }
    }

    /// Returns every request received so far, oldest first, answered or not.
    pub fn requests(&self) -> Vec<Received> {
        self.plan().log.clone()
    }

    /// Returns the requests that one route received so far, as [`TestIssuer::requests`] does.
    pub fn requests_to(&self, route: Route) -> Vec<Received> {
        let plan = self.plan();
        plan.log
            .iter()
            .filter(|r| r.route == route)
            .cloned()
            .collect()
    }

    /// Counts the requests that one route received so far.
    pub fn count(&self, route: Route) -> usize {
        let plan = self.plan();
        plan.log.iter().filter(|r| r.route == route).count()
    }

    /// Makes the next request to `route` fail in this way. Faults queue up.
    pub fn fault(&self, route: Route, fault: Fault) {
        self.fault_times(route, 1, fault);
    }

    /// Makes the next `times` requests to `route` fail in this way.
    pub fn fault_times(&self, route: Route, times: usize, fault: Fault) {
        self.plan().faults.queue(route, times, fault);
    }

    /// Makes every request to `route` fail in this way, once the queue is empty.
    pub fn fault_always(&self, route: Route, fault: Fault) {
        self.plan().faults.always(route, fault);
    }

    /// Drops all planned faults. Requests that are being held or broken stay so.
    pub fn clear_faults(&self) {
        self.plan().faults = Faults::default();
    }

    /// Holds every request to `route` before it is looked at, until the gate is
    /// released or dropped. The requests are in the log already.
    pub fn hold(&self, route: Route) -> Gate {
        self.plan().gates.close(route)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }
}

/// Returns an account of this name, with a user and a workspace of its own.
pub fn profile_of(name: &str) -> Profile {
    let user = format!("user-{name}");
    [TokenKind::Id, TokenKind::Access]
        .into_iter()
        .fold(Profile::default(), |profile, token| {
            profile.auth_claim(token, "chatgpt_user_id", user.clone())
        })
        .email(format!("{name}@example.com"))
        .account_id(format!("acct-{name}"))
}

/// Returns `auth.json` as a sign-in leaves it.
pub fn auth_json(tokens: &IssuedTokens, last_refresh: &str) -> Value {
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": tokens.id_token,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "account_id": "acct-demo",
        },
        "last_refresh": last_refresh,
    })
}

impl Deref for TestIssuer {
    type Target = DemoIssuer;

    fn deref(&self) -> &DemoIssuer {
        &self.demo
    }
}

/// A route that the issuer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /oauth/authorize`: the consent page.
    Authorize,
    /// `POST /oauth/authorize/decision`: the consent page's buttons.
    Decision,
    /// `POST /oauth/token`: every grant.
    Token,
    /// `POST /oauth/revoke`.
    Revoke,
    /// `POST /api/accounts/deviceauth/usercode`: a device asks for a code.
    UserCode,
    /// `POST /api/accounts/deviceauth/token`: a device asks whether it was approved.
    DeviceToken,
    /// `/codex/device`: the page where the person types the user code, and its buttons.
    DevicePage,
    /// `GET /api/accounts/v1/user-auth-credential/whoami`: the owner of a personal access token.
    WhoAmI,
    /// `GET /backend-api/wham/accounts/check`: which workspaces a session is good for.
    AccountsCheck,
    /// `POST /v1/billing/redeem_credits`.
    RedeemCredits,
    /// `GET /org-setup`: where a new organization is finished.
    OrgSetup,
    /// Any other path.
    Other,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/oauth/authorize" => Self::Authorize,
            "/oauth/authorize/decision" => Self::Decision,
            "/oauth/token" => Self::Token,
            "/oauth/revoke" => Self::Revoke,
            "/api/accounts/deviceauth/usercode" | "/oauth/device/code" => Self::UserCode,
            "/api/accounts/deviceauth/token" | "/oauth/device/token" => Self::DeviceToken,
            "/codex/device" | "/device" => Self::DevicePage,
            "/api/accounts/v1/user-auth-credential/whoami" => Self::WhoAmI,
            "/backend-api/wham/accounts/check" => Self::AccountsCheck,
            "/v1/billing/redeem_credits" => Self::RedeemCredits,
            "/org-setup" => Self::OrgSetup,
            _ => Self::Other,
        }
    }
}

/// One request as the issuer received it.
#[derive(Clone, Debug)]
pub struct Received {
    pub route: Route,
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    pub headers: HeaderMap,
    pub params: Params,
}

impl Received {
    fn of(request: &Request) -> Self {
        Self {
            route: Route::of(request.uri().path()),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
            params: request.extensions().get::<Params>().unwrap().clone(),
        }
    }

    pub fn content_type(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }

    /// Returns the first value of a parameter, from query, form or JSON.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }
}
