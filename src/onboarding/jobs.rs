//! The jobs beside the screen: the sign-in, a save, a sign-out. Carries out the effects that
//! need no terminal, for the full screen and for the line by line dialogue alike.

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::beside::Beside;
use super::effect::Effect;
use super::exit::Exit;
use super::known::ParkedAccount;
use super::look::Look;
use super::message::Message;
use super::{Ended, Options};
use crate::auth::accounts::{Accounts, StoredAccount};
use crate::auth::{
    Account, ApiKeySave, Notify, SessionOptions, on_blocking_thread, sign_out_unless,
};
use crate::browser::Opener;
use crate::error::Result;
use crate::sign_in::{Cancellation, SignIn, SignInOptions, Status};

/// Everything that runs beside the screen. Dropping it abandons what is not being written.
pub struct Jobs {
    options: SignInOptions,
    session: SessionOptions,
    browser: Opener,
    sign_in: Option<SignIn>,
    /// Somebody is signed in already.
    is_signed_in: bool,
    /// The place where it saves then.
    beside: Option<Box<Beside>>,
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

/// An effect that only the holder of the terminal can carry out.
pub enum TerminalEffect {
    /// Sends this to the clipboard.
    Copy(String),
    /// Shows this link alone.
    ShowBareUrl(String),
    /// Ends the onboarding.
    Quit(Ended),
}

impl Jobs {
    /// Returns jobs of which none runs yet.
    pub fn new(options: &Options) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self {
            options: options.sign_in.clone(),
            session: options.session(),
            is_signed_in: options.facts.signed_in.is_some(),
            browser: options.browser.clone(),
            sign_in: None,
            beside: None,
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
            tokio::select! {
                Some(message) = self.reports.recv() => break message,
                Some(cancelled) = self.cancelling.join_next() => {
                    self.completed |= matches!(cancelled, Ok(Cancellation::AlreadySaved));
                }
                status = status => match status {
                    Some(Status::Completed(account)) => match self.beside.take() {
                        Some(beside) => {
                            self.completed = true;
                            self.change(async move |report| beside.settle(account, report).await);
                        }
                        None => break Message::Status(Status::Completed(account)),
                    },
                    Some(status) => break Message::Status(status),
                    // The sign-in has ended and delivered its last page.
                    None => {
                        self.sign_in = None;
                        self.beside = None;
                    }
                },
            }
        };
        match &message {
            Message::SignedOut(Ok(_)) => self.is_signed_in = false,
            Message::AccountUsed(Ok(known)) => self.is_signed_in = known.signed_in.is_some(),
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

    /// Carries out what needs no terminal, and returns what does. Never waits: the results
    /// come with [`Jobs::next`].
    pub fn carry_out(&mut self, effect: Effect) -> Option<TerminalEffect> {
        match effect {
            Effect::StartSignIn => self.start_sign_in(),
            Effect::CancelSignIn => self.cancel_sign_in(),
            Effect::RequestDeviceCode => {
                if let Some(sign_in) = &self.sign_in {
                    sign_in.request_device_code();
                }
            }
            Effect::SubmitPaste(text) => self.submit(&text),
            Effect::OpenBrowser(url) => self.open_browser(&url),
            Effect::SaveApiKey(key) => self.save_api_key(key),
            Effect::SignOut => self.sign_out(),
            Effect::UseAccount { account, anyway } => self.use_account(account, anyway),
            Effect::RemoveAccount(account) => self.remove_account(account),
            Effect::Copy(text) => return Some(TerminalEffect::Copy(text)),
            Effect::ShowBareUrl(url) => return Some(TerminalEffect::ShowBareUrl(url)),
            Effect::Quit(ended) => return Some(TerminalEffect::Quit(ended)),
        }
        None
    }

    /// Ends what still runs and returns how the onboarding ended. A second signal skips that.
    pub async fn leave(self, ended: Ended, exit: &mut Exit) -> Ended {
        tokio::select! {
            saved = self.end() => if saved { Ended::SignedIn } else { ended },
            ended = exit.next() => ended,
        }
    }

    /// Ends what still runs and returns whether this run saved credentials.
    async fn end(mut self) -> bool {
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
            if let Some(beside) = self.beside
                && cancellation == Cancellation::AlreadySaved
            {
                // How it went is told to nobody any more.
                let _ = Box::pin(beside.make_active(&Notify::default())).await;
            }
            sign_in.finish().await;
        }
        saved
    }

    fn start_sign_in(&mut self) {
        self.cancel_sign_in();
        if let Err(error) = self.try_to_start() {
            self.report(Message::StartFailed(error));
        }
    }

    fn try_to_start(&mut self) -> Result<()> {
        let mut options = self.options.clone();
        let beside = self.beside()?;
        if let Some(beside) = &beside {
            options.store = beside.slot.store().clone();
        }
        self.sign_in = Some(SignIn::start(options)?);
        self.beside = beside.map(Box::new);
        Ok(())
    }

    fn beside(&self) -> Result<Option<Beside>> {
        let beside = self.is_signed_in.then(|| Beside::new(&self.session));
        beside.transpose()
    }

    fn cancel_sign_in(&mut self) {
        let beside = self.beside.take();
        let Some(mut sign_in) = self.sign_in.take() else {
            return;
        };
        let report = self.report.clone();
        // Frees the port here and now; what follows needs nobody to wait for it.
        let cancelled = sign_in.cancel();
        self.cancelling.spawn(async move {
            let cancellation = cancelled.await;
            if cancellation == Cancellation::AlreadySaved
                && let Some(account) = completed(&mut sign_in).await
            {
                if let Some(beside) = beside {
                    beside.settle(account, report).await;
                } else {
                    // Not received when the program is about to end.
                    let _ = report.send(Message::AlreadySaved(account));
                }
            }
            sign_in.finish().await;
            cancellation
        });
    }

    /// Sends a message that [`Jobs::next`] will return.
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
        let beside = match self.beside() {
            Ok(beside) => beside,
            Err(error) => return self.report(Message::ApiKeySaved(Err(error))),
        };
        let store = match &beside {
            Some(beside) => beside.slot.store().clone(),
            None => self.options.store.clone(),
        };
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let notify = Message::notify(&report);
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
            match beside {
                Some(beside) => beside.settle(saved.account, report).await,
                None => _ = report.send(Message::ApiKeySaved(Ok(saved.account))),
            }
            true
        });
        self.saving = Some(Job { keep, task });
    }

    fn sign_out(&mut self) {
        let (store, issuer) = (self.options.store.clone(), self.options.issuer.clone());
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let notify = Message::notify(&report);
            let hurry = async { _ = abandoned.await };
            let result = sign_out_unless(&store, Some(&issuer), &notify, hurry).await;
            let _ = report.send(Message::SignedOut(result.map(|left| left.revocation)));
        });
        self.changing.push(Job { keep, task });
    }

    fn use_account(&mut self, account: ParkedAccount, anyway: bool) {
        let session = self.session.clone();
        self.change(async move |report| {
            let accounts = Accounts::new(session.store.clone());
            let programs = accounts.programs();
            let message = if programs.is_empty() || anyway {
                let used = use_account(&accounts, account, &Message::notify(&report)).await;
                let known = move || Ok(Look::at(&session, None).known);
                Message::AccountUsed(match used {
                    Ok(()) => on_blocking_thread(known).await,
                    Err(error) => Err(error),
                })
            } else {
                let programs = programs.iter().map(ToString::to_string).collect();
                Message::ProgramsRun(account, programs)
            };
            let _ = report.send(message);
        });
    }

    fn remove_account(&mut self, account: ParkedAccount) {
        let accounts = Accounts::new(self.session.store.clone());
        self.change(async move |report| {
            let notify = Message::notify(&report);
            let never = std::future::pending();
            let removed = async {
                let account = find(&accounts, account).await?;
                accounts.remove(&account, None, &notify, never).await
            };
            let removed = removed.await.map(drop);
            let _ = report.send(Message::AccountRemoved(removed));
        });
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

async fn use_account(accounts: &Accounts, account: ParkedAccount, notify: &Notify) -> Result<()> {
    let account = find(accounts, account).await?;
    accounts.activate(&account, notify).await.map(drop)
}

/// The account as it stands now. A keyring may have to be unlocked first, and the screen must
/// stay alive meanwhile.
async fn find(accounts: &Accounts, account: ParkedAccount) -> Result<StoredAccount> {
    let accounts = accounts.clone();
    on_blocking_thread(move || accounts.find(&account.name)).await
}

/// Waits for the account of a sign-in that has completed.
async fn completed(sign_in: &mut SignIn) -> Option<Account> {
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(account) = status {
            return Some(account);
        }
    }
    None
}
