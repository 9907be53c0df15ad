//! The jobs that run beside the screen: the sign-in, a save, a sign-out. They carry out the effects
//! that need no terminal, for both the full screen and the line-by-line dialogue.

mod accounts;
mod sign_in;

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::watch;

use super::effect::Effect;
use super::message::Message;
use super::model::Method;
use super::options::Exit;
use super::{Ended, Options};
use crate::auth::{Session, SessionOptions};
use crate::browser::Opener;
use crate::sign_in::{Port, SignInOptions, Status};
use crate::signals::ExitSignal;
use sign_in::RunningSignIn;

/// Everything that runs beside the screen. Dropping it abandons a save that has not begun to
/// write, and cancels the sign-in.
pub struct Jobs {
    options: SignInOptions,
    session: SessionOptions,
    browser: Opener,
    sign_in: Option<RunningSignIn>,
    /// Set if the active account is kept when another one signs in.
    is_signed_in: bool,
    /// Set once this run has saved credentials: the program then exits with 0 however it ends.
    completed: bool,
    reports: mpsc::UnboundedReceiver<Message>,
    /// Each job that must not be interrupted holds a clone. When all clones are dropped, these jobs
    /// have ended.
    report: UnboundedSender<Message>,
    /// Dropped when the program is about to end, which abandons a save that has not begun to write.
    staying: watch::Sender<()>,
}

impl Jobs {
    /// Starts without any job.
    pub fn new(options: &Options) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self {
            options: options.sign_in.clone(),
            session: options.session(),
            is_signed_in: is_to_be_kept(options.facts.accounts.active.as_ref()),
            browser: options.browser.clone(),
            sign_in: None,
            completed: false,
            reports,
            report,
            staying: watch::Sender::default(),
        }
    }

    /// Waits for the next message for the model. Cancel safe.
    pub async fn next(&mut self) -> Message {
        let message = loop {
            let status = tokio::select! {
                Some(message) = self.reports.recv() => break message,
                Some(status) = async { Some(self.sign_in.as_mut()?.next().await) } => status,
            };
            match status {
                Ok(Some(Status::Completed(account))) => self.finish_sign_in(account),
                Ok(Some(status)) => break Message::Status(status),
                // The sign-in has ended and delivered its last page.
                Ok(None) => self.sign_in = None,
                Err(error) => {
                    self.cancel_sign_in(false);
                    break Message::Status(Status::Failed(error));
                }
            }
        };
        match &message {
            Message::SignedOut(Ok(_)) => self.is_signed_in = false,
            Message::AccountUsed(Ok(known)) => {
                self.is_signed_in = is_to_be_kept(known.active.as_ref());
            }
            message if is_completion(message) => {
                self.completed = true;
                // A cancel may have come too late while a newer sign-in already runs.
                if self.sign_in.as_ref().is_some_and(RunningSignIn::is_open) {
                    self.cancel_sign_in(false);
                }
            }
            _ => {}
        }
        message
    }

    /// Carries out an effect, or returns it if it needs the terminal: a copy, the bare link, the
    /// end. Never waits: [`Jobs::next`] returns the results.
    pub fn carry_out(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::StartSignIn(Method::Browser) => self.start_sign_in(self.options.port),
            Effect::StartSignIn(Method::DeviceCode) => {
                // No browser will return to it, so it needs no port.
                self.start_sign_in(Port::None);
                self.request_device_code();
            }
            Effect::ResumeSignIn => self.resume_sign_in(),
            Effect::CancelSignIn => self.cancel_sign_in(false),
            Effect::RequestDeviceCode => self.request_device_code(),
            Effect::SubmitPaste(text) => self.submit(&text),
            Effect::OpenBrowser(url) => self.open_browser(&url),
            Effect::CheckStore => self.check_store(),
            Effect::SaveApiKey(key) => self.save_api_key(key),
            Effect::SignOut => self.sign_out(),
            Effect::UseAccount { account, anyway } => self.use_account(account, anyway),
            Effect::RemoveAccount(account) => self.remove_account(account),
            Effect::LookForRunning { earlier } => self.look_for_running(earlier),
            Effect::EndRunning => self.end_running(),
            Effect::AskWorkspace => self.ask_workspace(),
            Effect::Copy(_) | Effect::ShowBareUrl(_) | Effect::Quit(_) => return Some(effect),
        }
        None
    }

    /// Waits for the jobs and returns how the onboarding ended. A second signal ends the wait.
    pub async fn leave(self, ended: Ended, exit: &mut Exit) -> Ended {
        // If it was not the person who ended the program, a running sign-in is left for later.
        let left = matches!(
            ended,
            Ended::Shutdown | Ended::Signal(ExitSignal::Hangup | ExitSignal::Terminate)
        );
        tokio::select! {
            saved = self.end(left) => if saved { Ended::SignedIn } else { ended },
            ended = exit.next() => ended,
        }
    }

    /// Waits for the jobs and returns whether this run saved credentials. The running sign-in is
    /// cancelled, or `left` for later if it can still be approved.
    async fn end(mut self, left: bool) -> bool {
        self.cancel_sign_in(left);
        drop((self.staying, self.report));
        let mut saved = self.completed;
        while let Some(message) = self.reports.recv().await {
            saved |= is_completion(&message);
        }
        saved
    }

    /// Sends a message that [`Jobs::next`] will return.
    fn report(&self, message: Message) {
        let _ = self.report.send(message);
    }

    /// Runs a job to its end, even if the screen ends first, and reports its result.
    fn run(&self, job: impl Future<Output = Option<Message>> + Send + 'static) {
        let report = self.report.clone();
        tokio::spawn(async move {
            if let Some(message) = job.await {
                let _ = report.send(message);
            }
        });
    }

    /// Reports the result of a job unless the program ends first.
    fn look_up(&self, job: impl Future<Output = Option<Message>> + Send + 'static) {
        let report = self.reporter();
        tokio::spawn(async move { job.await.map(report) });
    }

    /// Returns a way to report for what must not delay the end of the program.
    fn reporter(&self) -> impl Fn(Message) + Clone + Send + Sync + use<> {
        let report = self.report.downgrade();
        move |message| {
            if let Some(report) = report.upgrade() {
                let _ = report.send(message);
            }
        }
    }

    /// Completes when the program is about to end.
    fn leaving(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut staying = self.staying.subscribe();
        async move { while staying.changed().await.is_ok() {} }
    }
}

/// Returns whether credentials were saved.
fn is_completion(message: &Message) -> bool {
    matches!(
        message,
        Message::Status(Status::Completed(_)) | Message::SignedInBeside(..)
    )
}

/// Returns whether the active account is kept when another one signs in. A lent session is not: its
/// lender still has it.
fn is_to_be_kept(active: Option<&Session>) -> bool {
    active.is_some_and(|session| !session.is_lent())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Account, Issuer, IssuerUrl, Store};
    use crate::environment::Environment;

    #[tokio::test]
    async fn what_a_late_cancel_has_saved_ends_the_sign_in_that_was_begun_since() {
        let home = tempfile::tempdir().unwrap();
        let url = IssuerUrl::parse("http://127.0.0.1:9").unwrap();
        let issuer = Issuer::new(url, "client", None);
        let mut sign_in = SignInOptions::new(issuer, Store::new(home.path()));
        sign_in.port = Port::None;
        let mut jobs = Jobs::new(&Options::new(sign_in, Environment::default()));
        jobs.carry_out(Effect::StartSignIn(Method::Browser));
        jobs.report(Message::Status(Status::Completed(Account::api_key())));
        while !is_completion(&jobs.next().await) {}
        assert!(jobs.sign_in.is_none());
        assert!(jobs.end(false).await);
    }
}
