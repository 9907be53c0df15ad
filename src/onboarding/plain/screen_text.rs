//! A screen as lines: the essential text, then the possible answers.
//!
//! ```text
//!
//! Finish signing in via your browser
//! If the link doesn't open automatically, open the following link to authenticate:
//! https://issuer/oauth/authorize?…
//! …
//! Paste that address (it stays hidden), or type d for a device code, …
//! ```

mod sign_in;

use std::iter::repeat;

use crate::auth;
use crate::error::Error;
use crate::onboarding::model::{
    AccountScreen, AccountStep, ApiKeyScreen, CodeStep, FailureScreen, KeepScreen, Method, Model,
    Note, Screen, SignInStep, SuccessScreen, WelcomeScreen,
};
use crate::onboarding::wording;
use crate::product::{ASIDE, Choice};
use crate::text::clean_short;

/// Longest text from outside, in characters.
const LONGEST: usize = 300;

/// A screen in words.
#[derive(Debug, Default)]
pub struct ScreenText {
    /// Another heading means another screen.
    heading: String,
    lines: Vec<String>,
    /// The possible answers.
    pub ask: String,
}

/// Returns the first lines of a dialogue.
pub fn greeting(model: &Model) -> Vec<String> {
    let mut lines = vec![format!("{}, line by line", model.facts.product.title)];
    if model.facts.demo {
        lines.push("This is a demo: nothing leaves this machine.".to_owned());
    }
    lines.push("Type one of the answers offered and press Enter. Ctrl-C quits.".to_owned());
    lines
}

/// Returns whether this screen changes only by an answer.
pub fn needs_an_answer(model: &Model) -> bool {
    match &model.screen {
        Screen::Welcome(_) | Screen::Failure(_) => true,
        // A sign-in that began with a link may still be finished in the browser.
        Screen::SignIn(screen) => {
            screen.method == Method::DeviceCode && matches!(screen.code, CodeStep::Failed(_))
        }
        Screen::ApiKey(screen) => !screen.saving,
        Screen::Account(account) => {
            !matches!(account.step, AccountStep::SigningOut | AccountStep::Using)
        }
        Screen::Keep(screen) => !screen.removing,
        Screen::Success(_) => model.facts.endable().is_some(),
    }
}

/// Returns whether everything is said: somebody is signed in, and nothing is left to be ended.
pub fn is_last(model: &Model) -> bool {
    let running = model.facts.running.as_ref();
    matches!(model.screen, Screen::Success(_))
        && running.is_some_and(|running| !running.ending)
        && model.facts.endable().is_none()
}

impl ScreenText {
    /// Returns the text of the model's screen.
    pub fn of(model: &Model) -> Self {
        match &model.screen {
            Screen::Welcome(welcome) => of_welcome(model, welcome),
            Screen::SignIn(screen) => match screen.step {
                SignInStep::Waiting => sign_in::of_waiting(model, screen),
                SignInStep::DeviceCode => sign_in::of_device_code(model, screen),
                SignInStep::Exchanging => sign_in::of_exchanging(model, screen),
            },
            Screen::ApiKey(screen) => of_api_key(model, screen),
            Screen::Success(screen) => of_success(model, screen),
            Screen::Failure(failure) => of_failure(model, failure),
            Screen::Account(account) => of_account(model, account),
            Screen::Keep(screen) => of_keep(model, screen),
        }
    }

    /// Returns the lines that are not in `told`.
    pub fn beyond(&self, told: &Self) -> Vec<String> {
        let mut news = Vec::new();
        let another = self.heading != told.heading;
        if another {
            news.extend([String::new(), self.heading.clone()]);
        }
        let new = self
            .lines
            .iter()
            .filter(|line| another || !told.lines.contains(line));
        news.extend(new.cloned());
        let asks_again = !news.is_empty() || self.ask != told.ask;
        if asks_again {
            news.extend(self.question());
        }
        news
    }

    /// Returns the line that asks for an answer, where the screen expects one.
    pub fn question(&self) -> Option<String> {
        (!self.ask.is_empty()).then(|| self.ask.clone())
    }

    fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            ..Self::default()
        }
    }

    fn ask(&mut self, question: impl Into<String>) {
        self.ask = question.into();
    }

    fn add(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn remark(&mut self, text: &str) {
        let (mark, text) = wording::marked(text);
        self.add(format!("{mark}{}", clean_short(text, LONGEST)));
    }

    /// Adds the notices of what the person did last.
    fn notices(&mut self, model: &Model) {
        for notice in &model.notices {
            self.remark(notice);
        }
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.add(format!("{name}: {}", clean_short(value, LONGEST)));
    }

    fn note(&mut self, note: Option<&Note>) {
        match note {
            Some(Note::Info(text)) => self.add(clean_short(text, LONGEST)),
            Some(Note::Problem(error)) => self.problem(error),
            None => {}
        }
    }

    fn problem(&mut self, error: &Error) {
        self.add(format!("Error: {}", clean_short(error.message(), LONGEST)));
        for cause in error.causes() {
            self.add(format!("Because: {}", clean_short(&cause, LONGEST)));
        }
        // A dash would be spelled.
        let hints = error.hint().into_iter().flat_map(|hint| hint.split(ASIDE));
        for (begin, hint) in ["Next: "].into_iter().chain(repeat("Or ")).zip(hints) {
            self.add(format!("{begin}{}", clean_short(hint, LONGEST)));
        }
    }

    fn account(&mut self, account: &auth::Account, workspace: Option<&str>) {
        let plan = account.plan.as_ref().map(ToString::to_string);
        let facts = [
            ("Account", account.email.as_deref()),
            ("Plan", plan.as_deref()),
            ("Workspace", workspace.or(account.account_id.as_deref())),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                self.fact(name, value);
            }
        }
    }
}

fn of_welcome(model: &Model, welcome: &WelcomeScreen) -> ScreenText {
    let facts = &model.facts;
    let mut text = ScreenText::new(facts.product.purpose.as_ref());
    let choices = facts.welcome_choices();
    for (digit, &choice) in (1..).zip(&choices) {
        let why = clean_short(&wording::why_of(choice, model), LONGEST);
        let label = wording::label_of(choice, &facts.product);
        text.add(format!("{digit}. {label}. {why}."));
    }
    for remark in wording::remarks(facts) {
        text.remark(&remark);
    }
    text.note(welcome.note.as_ref());
    text.notices(model);
    let back = if facts.knows_accounts() {
        "b to go back to the account, "
    } else {
        ""
    };
    let digits = wording::digits(choices.len());
    text.ask(format!("Type {digits}, {back}or q to quit:"));
    text
}

fn of_api_key(model: &Model, screen: &ApiKeyScreen) -> ScreenText {
    if screen.saving {
        let mut text = ScreenText::new("Saving your API key");
        text.note(screen.note.as_ref());
        text.notices(model);
        return text;
    }
    let facts = &model.facts;
    let mut text = ScreenText::new(wording::label(Choice::ApiKey, &facts.product));
    if let Some(page) = facts.product.api_key.page.as_deref() {
        text.add("Create a key at:");
        text.add(page);
    }
    let offer = wording::environment_key(facts);
    if let Some(offer) = &offer {
        text.add(offer);
    }
    if let Some(cost) = wording::stays_signed_in(facts) {
        text.remark(&cost);
    }
    text.note(screen.note.as_ref());
    text.notices(model);
    let environment = if offer.is_some() {
        format!("type e to save {}, ", wording::key_variable(facts))
    } else {
        String::new()
    };
    text.ask(format!(
        "Paste or type your key (it stays hidden), {environment}or type b to go back:"
    ));
    text
}

fn of_success(model: &Model, screen: &SuccessScreen) -> ScreenText {
    let account = &screen.account;
    let mut text = ScreenText::new(wording::succeeded(&account.mode, &model.facts.product));
    text.account(account, screen.workspace.as_deref());
    text.fact("Saved in", &model.facts.auth_file);
    if account.needs_setup {
        text.remark(wording::NEEDS_SETUP);
    }
    text.notices(model);
    text.add(wording::after_success(&model.facts));
    if let Some(running) = wording::running(&model.facts) {
        text.remark(&running);
    }
    if model.facts.endable().is_some() {
        text.ask("Type e to end it now, or press Enter to finish:");
    }
    text
}

fn of_failure(model: &Model, failure: &FailureScreen) -> ScreenText {
    let mut text = ScreenText::new("Sign-in did not complete");
    text.problem(&failure.error);
    text.notices(model);
    text.add("Nothing was saved.");
    text.ask(
        "Type r to try again with a new link, d for a device code, b for the choices, or q to quit:",
    );
    text
}

fn of_account(model: &Model, account: &AccountScreen) -> ScreenText {
    let facts = &model.facts;
    let mut text = match &account.step {
        AccountStep::Choosing => return of_accounts(model, account),
        AccountStep::SigningOut => ScreenText::new("Signing out"),
        AccountStep::Using => ScreenText::new("Changing the active account"),
        AccountStep::ConfirmingUse(other, programs) => {
            let mut text = ScreenText::new(wording::use_question(other));
            text.add(wording::programs_run(programs));
            text.ask("Type y to switch anyway, or n to cancel:");
            text
        }
        AccountStep::Confirming => {
            let mut text = ScreenText::new(wording::sign_out_question(facts));
            text.add(wording::sign_out_costs(facts));
            text.ask("Type y to sign out, or n to stay signed in:");
            text
        }
    };
    text.note(account.note.as_ref());
    text.notices(model);
    text
}

fn of_accounts(model: &Model, account: &AccountScreen) -> ScreenText {
    let facts = &model.facts;
    let mut text = ScreenText::new(wording::accounts(facts));
    if let Some(signed_in) = &facts.signed_in {
        text.account(&signed_in.account, None);
        if let Some((name, age)) = &signed_in.age {
            text.fact(name, age);
        }
        let stored = format!("{} in {}", signed_in.stored, facts.auth_file);
        text.fact("Stored", &stored);
    }
    if let Some(running) = wording::running(facts) {
        text.remark(&running);
    }
    for warning in wording::account_remarks(facts) {
        text.remark(warning);
    }
    let choices = facts.account_choices();
    for (digit, &choice) in (1..).zip(&choices) {
        text.add(format!(
            "{digit}. {}.",
            wording::account_choice(choice, model)
        ));
    }
    let digits = wording::digits(choices.len());
    let quit = match facts.signed_in {
        Some(_) => "q to quit and stay signed in",
        None => "q to quit",
    };
    text.ask(format!("Type {digits}, or {quit}:"));
    text.note(account.note.as_ref());
    text.notices(model);
    text
}

fn of_keep(model: &Model, screen: &KeepScreen) -> ScreenText {
    if screen.removing {
        return ScreenText::new("Removing the account");
    }
    let mut text = ScreenText::new(wording::keep_question(&screen.before));
    text.add(wording::instead(&screen.account));
    text.notices(model);
    for (digit, choice) in (1..).zip(KeepScreen::CHOICES) {
        text.add(format!("{digit}. {}.", wording::keep_choice(choice)));
    }
    text.ask("Type 1 or 2; Enter alone keeps it:");
    text
}
