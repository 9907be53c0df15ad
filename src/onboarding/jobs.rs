//! The jobs beside the screen: the sign-in, a save, a sign-out. Carries out the effects that
//! need no terminal, for the full screen and for the line by line dialogue alike.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::effect::Effect;
use super::message::Message;
use super::{Ended, Options};
use crate::auth::{Account, ApiKeySave, Notify, sign_out_unless};
use crate::browser::Opener;
use crate::sign_in::{Cancellation, SignIn, SignInOptions, Status};
use crate::signals::ExitSignals;

/// How long a new sign-in waits for the old one's port.
const HANDOVER: Duration = Duration::from_millis(500);

/// Everything that goes on without the person. Dropping it abandons what is not being written.
pub struct Jobs {
    options: SignInOptions,
    browser: Opener,
    sign_in: Option<SignIn>,
    /// A sign-in that waits for the port of the one before it.
    starting: Option<Start>,
    cancelling: JoinSet<Cancellation>,
    /// A key that is being saved: abandoned when hurried, unless it is being written.
    saving: Option<Job<bool>>,
    /// A sign-out, which is never left half done.
    signing_out: Option<Job<()>>,
    /// Credentials were saved by this run: whatever ends the program, it exits 0.
    completed: bool,
    reports: mpsc::UnboundedReceiver<Message>,
    report: mpsc::UnboundedSender<Message>,
}

/// Something that goes on by itself, and can be told to hurry.
struct Job<T> {
    keep: oneshot::Sender<()>,
    task: JoinHandle<T>,
}

impl<T> Job<T> {
    /// Its end, soon. `None` when it has panicked, and said so.
    async fn hurried(self) -> Option<T> {
        drop(self.keep);
        self.task.await.ok()
    }
}

/// The start of a sign-in, by then at the latest.
struct Start {
    deadline: Instant,
    /// What was asked of the sign-in meanwhile.
    then: Vec<Effect>,
}

/// An effect that only the holder of the terminal can carry out.
pub enum TerminalEffect {
    /// Send this to the clipboard.
    Copy(String),
    /// Show this alone.
    ShowBareUrl(String),
    /// End.
    Quit(Ended),
}

impl Jobs {
    /// Nothing runs yet.
    pub fn new(options: &Options) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self {
            options: options.sign_in.clone(),
            browser: options.browser.clone(),
            sign_in: None,
            starting: None,
            cancelling: JoinSet::new(),
            saving: None,
            signing_out: None,
            completed: false,
            reports,
            report,
        }
    }

    /// The next thing that the model should know. Cancel safe.
    pub async fn next(&mut self) -> Message {
        let message = loop {
            self.start_when_possible();
            let status = async {
                match &mut self.sign_in {
                    Some(sign_in) => sign_in.next().await,
                    None => std::future::pending().await,
                }
            };
            let deadline = self.starting.as_ref().map(|start| start.deadline);
            let handover = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(message) = self.reports.recv() => break message,
                Some(cancelled) = self.cancelling.join_next() => {
                    self.completed |= matches!(cancelled, Ok(Cancellation::AlreadySaved));
                }
                () = handover => {}
                status = status => match status {
                    Some(status) => break Message::Status(status),
                    // The sign-in has ended, and its last page is delivered.
                    None => self.sign_in = None,
                },
            }
        };
        self.completed |= matches!(
            message,
            Message::Status(Status::Completed(_))
                | Message::AlreadySaved(_)
                | Message::ApiKeySaved(Ok(_))
        );
        message
    }

    /// Carries out what needs no terminal, and returns what does. Never waits: the results
    /// come with [`Jobs::next`].
    pub fn carry_out(&mut self, effect: Effect) -> Option<TerminalEffect> {
        match (effect, &mut self.starting) {
            (Effect::StartSignIn, _) => {
                self.cancel_sign_in();
                self.starting = Some(Start {
                    deadline: Instant::now() + HANDOVER,
                    then: Vec::new(),
                });
            }
            (Effect::CancelSignIn, _) => self.cancel_sign_in(),
            (effect @ (Effect::RequestDeviceCode | Effect::SubmitPaste(_)), Some(start)) => {
                start.then.push(effect);
            }
            (Effect::RequestDeviceCode, None) => {
                if let Some(sign_in) = &self.sign_in {
                    sign_in.request_device_code();
                }
            }
            (Effect::SubmitPaste(text), None) => self.submit(&text),
            (Effect::OpenBrowser(url), _) => self.open_browser(&url),
            (Effect::SaveApiKey(key), _) => self.save_api_key(key),
            (Effect::SignOut, _) => self.sign_out(),
            (Effect::Copy(text), _) => return Some(TerminalEffect::Copy(text)),
            (Effect::ShowBareUrl(url), _) => return Some(TerminalEffect::ShowBareUrl(url)),
            (Effect::Quit(ended), _) => return Some(TerminalEffect::Quit(ended)),
        }
        None
    }

    /// Ends what still runs, and finds out how it all ended. A second signal ends it at once.
    pub async fn leave(self, ended: Ended, exit_signals: &mut ExitSignals) -> Ended {
        tokio::select! {
            saved = self.end() => if saved { Ended::SignedIn } else { ended },
            signal = exit_signals.next() => Ended::Signal(signal),
        }
    }

    /// Whether this run saved credentials.
    async fn end(mut self) -> bool {
        let mut saved = self.completed;
        if let Some(saving) = self.saving {
            saved |= saving.hurried().await.unwrap_or(false);
        }
        if let Some(signing_out) = self.signing_out {
            signing_out.hurried().await;
        }
        while let Some(cancelled) = self.cancelling.join_next().await {
            saved |= matches!(cancelled, Ok(Cancellation::AlreadySaved));
        }
        if let Some(sign_in) = self.sign_in {
            saved |= sign_in.cancel().await == Cancellation::AlreadySaved;
            if saved {
                sign_in.finish().await;
            }
        }
        saved
    }

    /// Starts the sign-in that waits, once the one before it has let go of its port.
    fn start_when_possible(&mut self) {
        let is_free = self.cancelling.is_empty();
        let due = |start: &mut Start| is_free || start.deadline <= Instant::now();
        let Some(start) = self.starting.take_if(due) else {
            return;
        };
        match SignIn::start(self.options.clone()) {
            Ok(sign_in) => {
                self.sign_in = Some(sign_in);
                for effect in start.then {
                    self.carry_out(effect);
                }
            }
            Err(error) => self.report(Message::StartFailed(error)),
        }
    }

    fn cancel_sign_in(&mut self) {
        self.starting = None;
        let Some(mut sign_in) = self.sign_in.take() else {
            return;
        };
        let report = self.report.clone();
        self.cancelling.spawn(async move {
            let cancellation = sign_in.cancel().await;
            if cancellation == Cancellation::AlreadySaved
                && let Some(account) = completed(&mut sign_in).await
            {
                // Nobody listens any more when the program is about to end.
                let _ = report.send(Message::AlreadySaved(account));
            }
            sign_in.finish().await;
            cancellation
        });
    }

    /// Something known at once still comes back as a message of its own.
    fn report(&self, message: Message) {
        let _ = self.report.send(message);
    }

    fn submit(&self, text: &SecretString) {
        if let Some(sign_in) = &self.sign_in
            && let Err(error) = sign_in.submit(text.expose_secret())
        {
            self.report(Message::PasteRefused(error));
        }
    }

    fn open_browser(&self, url: &str) {
        let report = self.report.clone();
        let opened = Box::new(move |result| {
            if let Err(error) = result {
                let _ = report.send(Message::BrowserFailed(error));
            }
        });
        (self.browser)(url, opened);
    }

    fn save_api_key(&mut self, key: SecretString) {
        let store = self.options.store.clone();
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let notify = notify(&report);
            let prepared = tokio::select! {
                prepared = ApiKeySave::prepare(&store, key, &notify) => prepared,
                _ = abandoned => return false,
            };
            let saved = match prepared {
                Ok(save) => save.commit().await,
                Err(error) => Err(error),
            };
            let saved = match saved {
                Ok(saved) => saved,
                Err(error) => {
                    let _ = report.send(Message::ApiKeySaved(Err(error)));
                    return false;
                }
            };
            if let Some(warning) = saved.warning {
                let _ = report.send(Message::Status(Status::Notice(warning)));
            }
            let _ = report.send(Message::ApiKeySaved(Ok(saved.account)));
            true
        });
        self.saving = Some(Job { keep, task });
    }

    fn sign_out(&mut self) {
        let (store, issuer) = (self.options.store.clone(), self.options.issuer.clone());
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let notify = notify(&report);
            let hurry = async { _ = abandoned.await };
            let result = sign_out_unless(&store, &issuer, &notify, hurry).await;
            let _ = report.send(Message::SignedOut(result.map(|left| left.revocation)));
        });
        self.signing_out = Some(Job { keep, task });
    }
}

/// Passes on what a wait for a lock has to say.
fn notify(report: &mpsc::UnboundedSender<Message>) -> Notify {
    let report = report.clone();
    Notify::new(move |text| _ = report.send(Message::Status(Status::Notice(text))))
}

/// The account of a sign-in that is known to have completed.
async fn completed(sign_in: &mut SignIn) -> Option<Account> {
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(account) = status {
            return Some(account);
        }
    }
    None
}
