//! The jobs beside the screen: the sign-in, a save, a sign-out. Carries out the effects that
//! need no terminal, for the full screen and for the line by line dialogue alike.

mod accounts;
mod api_key;
mod running;
mod sign_in;

use accounts::{make_active, report_saved};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::effect::Effect;
use super::exit::Exit;
use super::known::SignedIn;
use super::message::Message;
use super::{Ended, Options};
use crate::auth::SessionOptions;
use crate::auth::accounts::Target;
use crate::browser::Opener;
use crate::error::Result;
use crate::sign_in::{Cancellation, Keeper, Kept, Port, SignIn, SignInOptions, Status};
use crate::signals::ExitSignal;

/// Everything that runs beside the screen. Dropping it abandons what is not being written.
pub struct Jobs {
    options: SignInOptions,
    session: SessionOptions,
    browser: Opener,
    sign_in: Option<SignIn>,
    /// Keeps it while a device code lives.
    keeper: Option<Keeper>,
    /// Its polls, which the keeper writes down.
    polls: Option<watch::Receiver<Kept>>,
    /// Somebody is signed in already.
    is_signed_in: bool,
    /// The place that the running sign-in saves to.
    target: Option<Target>,
    cancelling: JoinSet<Cancellation>,
    /// Saving an API key: abandoned when hurried, unless it is being written.
    saving: Option<Job<bool>>,
    /// Signing out and moving accounts, which is never left half done.
    changing: Vec<Job<()>>,
    /// This run has saved credentials: however the program ends, it exits 0.
    completed: bool,
    reports: mpsc::UnboundedReceiver<Message>,
    report: UnboundedSender<Message>,
}

/// A task that can be told to hurry.
struct Job<T> {
    keep: oneshot::Sender<()>,
    task: JoinHandle<T>,
}

impl<T> Job<T> {
    /// Hurries the task and waits for its result; `None` when it panicked.
    async fn hurried(self) -> Option<T> {
        drop(self.keep);
        self.task.await.ok()
    }
}

impl Jobs {
    /// Returns jobs of which none runs yet.
    pub fn new(options: &Options) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self {
            options: options.sign_in.clone(),
            session: options.session(),
            is_signed_in: is_to_be_kept(options.facts.signed_in.as_ref()),
            browser: options.browser.clone(),
            sign_in: None,
            keeper: None,
            polls: None,
            target: None,
            cancelling: JoinSet::new(),
            saving: None,
            changing: Vec::new(),
            completed: false,
            reports,
            report,
        }
    }

    /// Waits for the next message for the model. Cancel safe.
    pub async fn next(&mut self) -> Message {
        let message = loop {
            let status = async {
                match &mut self.sign_in {
                    Some(sign_in) => sign_in.next().await,
                    None => std::future::pending().await,
                }
            };
            let polled = async {
                let changed = match &mut self.polls {
                    Some(polls) => polls.changed().await.is_ok(),
                    None => false,
                };
                if !changed {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                Some(message) = self.reports.recv() => break message,
                () = polled => self.keep_poll(),
                Some(cancelled) = self.cancelling.join_next() => {
                    self.completed |= matches!(cancelled, Ok(Cancellation::AlreadySaved));
                }
                status = status => match self.kept(status) {
                    Some(Status::Completed(account)) => match self.target.take() {
                        Some(target @ Target::Beside(_)) => {
                            self.completed = true;
                            let accounts = self.accounts();
                            self.change(async move |report| {
                                let message = |account| Message::Status(Status::Completed(account));
                                report_saved(&accounts, target, account, message, &report).await;
                            });
                        }
                        _ => break Message::Status(Status::Completed(account)),
                    },
                    Some(status) => break Message::Status(status),
                    // The sign-in has ended and delivered its last page.
                    None => {
                        self.sign_in = None;
                        self.keeper = None;
                        self.target = None;
                    }
                },
            }
        };
        match &message {
            Message::SignedOut(Ok(_)) => self.is_signed_in = false,
            Message::AccountUsed(Ok(known)) => {
                self.is_signed_in = is_to_be_kept(known.signed_in.as_ref());
            }
            _ => {}
        }
        self.completed |= matches!(
            message,
            Message::Status(Status::Completed(_))
                | Message::AlreadySaved(_)
                | Message::ApiKeySaved(Ok(_))
                | Message::SignedInBeside(..)
        );
        message
    }

    /// Carries out what needs no terminal, and returns what does: a copy, the bare link, the end.
    /// Never waits: the results come with [`Jobs::next`].
    pub fn carry_out(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::StartSignIn => self.start_sign_in(self.options.port),
            Effect::StartDeviceCode => {
                self.start_sign_in(Port::None);
                self.request_device_code();
            }
            Effect::ResumeSignIn => {
                self.resume_sign_in();
            }
            Effect::CancelSignIn => self.cancel_sign_in(),
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

    /// Ends what still runs and returns how the onboarding ended. A second signal skips that.
    pub async fn leave(self, ended: Ended, exit: &mut Exit) -> Ended {
        tokio::select! {
            saved = self.end(is_left(ended)) => if saved { Ended::SignedIn } else { ended },
            ended = exit.next() => ended,
        }
    }

    /// Ends what still runs and returns whether this run saved credentials. A sign-in that can be
    /// approved still is `left` for later.
    async fn end(mut self, left: bool) -> bool {
        self.leave_or_forget(left);
        let accounts = self.accounts();
        let mut saved = self.completed;
        if let Some(saving) = self.saving {
            saved |= saving.hurried().await.unwrap_or(false);
        }
        for job in self.changing {
            job.hurried().await;
        }
        while let Some(cancelled) = self.cancelling.join_next().await {
            saved |= matches!(cancelled, Ok(Cancellation::AlreadySaved));
        }
        if let Some(sign_in) = self.sign_in {
            let cancellation = sign_in.cancel().await;
            saved |= cancellation == Cancellation::AlreadySaved;
            if let Some(keeper) = self.keeper
                && cancellation == Cancellation::AlreadySaved
            {
                keeper.forget(sign_in.kept());
            }
            if let Some(Target::Beside(slot)) = self.target
                && cancellation == Cancellation::AlreadySaved
            {
                // The result has no receiver: the program is exiting.
                let _ = Box::pin(make_active(&accounts, slot)).await;
            }
            sign_in.finish().await;
        }
        saved
    }

    /// Returns the place for a new sign-in: beside the active account, which is never lost before
    /// the person was asked.
    fn target(&self) -> Result<Target> {
        Ok(if self.is_signed_in {
            Target::Beside(self.accounts().new_slot()?)
        } else {
            Target::Replace(self.options.store.clone())
        })
    }

    /// Sends a message that [`Jobs::next`] will return.
    fn report(&self, message: Message) {
        let _ = self.report.send(message);
    }

    /// Runs a change of the accounts to its end, whatever happens to the screen.
    fn change<F>(&mut self, change: impl FnOnce(UnboundedSender<Message>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (keep, _) = oneshot::channel();
        let task = tokio::spawn(change(self.report.clone()));
        self.changing.retain(|job| !job.task.is_finished());
        self.changing.push(Job { keep, task });
    }
}

/// Returns whether a sign-in that runs is left for later: it was not the person who ended it.
fn is_left(ended: Ended) -> bool {
    matches!(
        ended,
        Ended::Shutdown | Ended::Signal(ExitSignal::Hangup | ExitSignal::Terminate)
    )
}

/// Returns whether a sign-in to another account parks this one.
fn is_to_be_kept(signed_in: Option<&SignedIn>) -> bool {
    signed_in.is_some_and(|signed_in| !signed_in.lent)
}
