//! The loop: waits for whatever comes next, turns it into a message, and carries out the
//! effects. Nothing wakes it while nothing moves.

use std::io;
use std::time::Duration;

use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::effect::{Effect, Outcome};
use super::input::Input;
use super::message::{Key, Message};
use super::model::Model;
use super::screen::Screen;
use super::update::update;
use super::{Ended, Options};
use crate::auth::{Account, ApiKeySave, sign_out};
use crate::error::{Error, ErrorKind, Result};
use crate::sign_in::{Cancellation, SignIn, Status};
use crate::signals::{Ending, Endings, Job, JobControl};
use crate::terminal::{Mode, Terminal, restore};

/// How long a new attempt waits for the old one's port.
const HANDOVER: Duration = Duration::from_millis(500);

/// Everything that runs beside the model.
pub struct Runtime {
    options: Options,
    model: Model,
    screen: Screen,
    terminal: Terminal,
    input: Input,
    last_read: Instant,
    signals: Signals,
    started: Instant,
    /// Drawn but not yet taken by the terminal.
    outbox: Vec<u8>,
    /// The picture is older than the model.
    stale: bool,
    /// The bare link is shown instead of the full screen.
    aside: bool,
    /// Stopped, or gone on in the background: the terminal is the shell's.
    away: bool,
    sign_in: Option<SignIn>,
    cancelling: Option<JoinHandle<Cancellation>>,
    saving: Option<Saving>,
    /// Credentials were saved by this run: whatever ends the program, it exits 0.
    completed: bool,
    outcomes: mpsc::UnboundedReceiver<Message>,
    report: mpsc::UnboundedSender<Message>,
}

/// A key that is being saved. Dropping `keep` abandons it, unless it is being written.
struct Saving {
    keep: oneshot::Sender<()>,
    task: JoinHandle<bool>,
}

struct Signals {
    endings: Endings,
    resize: Signal,
    job: JobControl,
}

enum Event {
    Ending(Ending),
    Job(Job),
    Resized,
    Read(io::Result<usize>),
    Settled,
    Written(io::Result<usize>),
    Status(Option<Status>),
    Outcome(Message),
    Tick,
}

impl Runtime {
    /// Takes the terminal.
    pub fn new(options: Options) -> Result<Self> {
        let broken = |source: io::Error| {
            Error::new(ErrorKind::Usage, "The full screen cannot be set up").with_source(source)
        };
        // Before the terminal is taken: from here on every signal is an event.
        let signals = Signals {
            endings: Endings::catch().map_err(broken)?,
            resize: signal(SignalKind::window_change()).map_err(broken)?,
            job: JobControl::catch().map_err(broken)?,
        };
        let terminal = Terminal::enter(Mode::FullScreen)?;
        let screen = Screen::new(terminal.size(), &options.environment).map_err(broken)?;
        let (report, outcomes) = mpsc::unbounded_channel();
        Ok(Self {
            model: Model::new(options.facts.clone()),
            options,
            screen,
            terminal,
            input: Input::default(),
            last_read: Instant::now(),
            signals,
            started: Instant::now(),
            outbox: Vec::new(),
            stale: true,
            aside: false,
            away: false,
            sign_in: None,
            cancelling: None,
            saving: None,
            completed: false,
            outcomes,
            report,
        })
    }

    /// Runs until the person leaves or a signal ends it. The terminal is restored.
    pub async fn run(mut self) -> Result<Ended> {
        let mut buffer = vec![0; 4096];
        let ended = loop {
            self.draw()?;
            let event = self.next_event(&mut buffer).await;
            if let Some(ended) = self.handle(event, &buffer).await {
                break ended;
            }
        };
        restore();
        Ok(self.leave(ended).await)
    }

    /// Draws when the model has changed and the last picture has reached the terminal.
    fn draw(&mut self) -> Result<()> {
        if !self.stale || self.aside || self.away || !self.outbox.is_empty() {
            return Ok(());
        }
        self.stale = false;
        self.screen
            .draw(&self.model, self.terminal.size())
            .map_err(|source| {
                Error::new(ErrorKind::Usage, "The screen cannot be drawn").with_source(source)
            })?;
        self.outbox = self.screen.take_bytes();
        Ok(())
    }

    async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let next_tick = self.model.next_tick().filter(|_| !self.aside && !self.away);
        let tick_at = next_tick.map(|at| self.started + at);
        let tick = async move {
            match tick_at {
                // A moment that has passed means at once, without the timer's rounding.
                Some(at) if at <= Instant::now() => {}
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let status = async {
            match &mut self.sign_in {
                Some(sign_in) => sign_in.next().await,
                None => std::future::pending().await,
            }
        };
        let settled_at = self.input.patience().map(|time| self.last_read + time);
        let settled = async move {
            match settled_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ending = self.signals.endings.next() => Event::Ending(ending),
            job = self.signals.job.next() => Event::Job(job),
            _ = self.signals.resize.recv() => Event::Resized,
            written = self.terminal.write(&self.outbox), if !self.outbox.is_empty() && !self.away => {
                Event::Written(written)
            }
            read = self.terminal.read(buffer), if !self.away => Event::Read(read),
            () = settled => Event::Settled,
            status = status => Event::Status(status),
            Some(message) = self.outcomes.recv() => Event::Outcome(message),
            () = tick => Event::Tick,
        }
    }

    async fn handle(&mut self, event: Event, buffer: &[u8]) -> Option<Ended> {
        match event {
            Event::Ending(Ending::Interrupt) => self.tell(Message::Key(Key::Ctrl('c'))).await,
            Event::Ending(ending) => Some(Ended::Signal(ending)),
            Event::Job(Job::Stop) => {
                self.suspend();
                None
            }
            Event::Job(Job::GoOn) => self.go_on(),
            Event::Resized => self.tell(Message::Redraw).await,
            // The other end of the terminal is closed.
            Event::Read(Ok(0) | Err(_)) | Event::Written(Err(_)) => {
                Some(Ended::Signal(Ending::Hangup))
            }
            Event::Read(Ok(count)) => {
                self.last_read = Instant::now();
                let messages = self.input.feed(&buffer[..count], self.model.takes_text());
                self.take_in(messages).await
            }
            Event::Settled => {
                let messages = self.input.settle();
                self.take_in(messages).await
            }
            Event::Written(Ok(count)) => {
                self.outbox.drain(..count);
                None
            }
            Event::Status(Some(status)) => self.take_status(status).await,
            Event::Status(None) => {
                // The attempt has ended, and its last page is delivered.
                self.sign_in = None;
                None
            }
            Event::Outcome(message) => {
                self.completed |= matches!(
                    message,
                    Message::AlreadySaved(_) | Message::ApiKeySaved(Ok(_))
                );
                self.tell(message).await
            }
            Event::Tick => self.tell(Message::Tick(self.started.elapsed())).await,
        }
    }

    /// What was typed. A few keys are the terminal's own affair, whatever the screen.
    async fn take_in(&mut self, messages: Vec<Message>) -> Option<Ended> {
        for message in messages {
            if self.aside {
                self.step_back();
                if matches!(message, Message::Key(key) if key != Key::Ctrl('c')) {
                    continue;
                }
            }
            let ended = match message {
                Message::Key(Key::Ctrl('z')) => {
                    self.suspend();
                    None
                }
                Message::Key(Key::Ctrl('l')) => {
                    self.redraw_everything();
                    None
                }
                message => self.tell(message).await,
            };
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    async fn take_status(&mut self, status: Status) -> Option<Ended> {
        self.completed |= matches!(status, Status::Completed(_));
        // It goes on without the person: they should see it.
        if self.aside && !matches!(status, Status::Notice(_) | Status::DeviceCode(_)) {
            self.step_back();
        }
        self.tell(Message::Status(status)).await
    }

    /// Tells the model, and carries out what it asks for.
    async fn tell(&mut self, message: Message) -> Option<Ended> {
        self.stale = true;
        let effects = update(&mut self.model, message);
        for effect in effects {
            if let Some(ended) = self.carry_out(effect).await {
                return Some(ended);
            }
        }
        None
    }

    async fn carry_out(&mut self, effect: Effect) -> Option<Ended> {
        match effect {
            Effect::StartSignIn => self.start_sign_in().await,
            Effect::CancelSignIn => self.cancel_sign_in(),
            Effect::RequestDeviceCode => {
                if let Some(sign_in) = &self.sign_in {
                    sign_in.request_device_code();
                }
            }
            Effect::SubmitPaste(text) => self.submit(&text),
            Effect::OpenBrowser(url) => self.open_browser(&url),
            Effect::Copy(text) => {
                self.screen.copy(&text);
                self.outbox.extend(self.screen.take_bytes());
                self.later(Message::Copied);
            }
            Effect::ShowBareUrl(url) => self.step_aside(&url),
            Effect::SaveApiKey(key) => self.save_api_key(key),
            Effect::SignOut => self.sign_out(),
            Effect::Quit(Outcome::SignedIn) => return Some(Ended::SignedIn),
            Effect::Quit(Outcome::Cancelled) => return Some(Ended::Cancelled),
        }
        None
    }

    /// The old attempt must have let go of its port first.
    async fn start_sign_in(&mut self) {
        self.cancel_sign_in();
        if let Some(cancelling) = self.cancelling.take() {
            let cancellation = tokio::time::timeout(HANDOVER, cancelling).await;
            self.completed |= matches!(cancellation, Ok(Ok(Cancellation::AlreadySaved)));
        }
        match SignIn::start(self.options.sign_in.clone()) {
            Ok(sign_in) => self.sign_in = Some(sign_in),
            Err(error) => self.later(Message::StartFailed(error)),
        }
    }

    fn cancel_sign_in(&mut self) {
        let Some(mut sign_in) = self.sign_in.take() else {
            return;
        };
        let report = self.report.clone();
        self.cancelling = Some(tokio::spawn(async move {
            let cancellation = sign_in.cancel().await;
            if cancellation == Cancellation::AlreadySaved
                && let Some(account) = completed(&mut sign_in).await
            {
                // Nobody listens any more when the program is about to end.
                let _ = report.send(Message::AlreadySaved(account));
            }
            sign_in.finish().await;
            cancellation
        }));
    }

    fn submit(&self, text: &SecretString) {
        use secrecy::ExposeSecret as _;
        if let Some(sign_in) = &self.sign_in
            && let Err(error) = sign_in.submit(text.expose_secret())
        {
            self.later(Message::PasteRefused(error));
        }
    }

    fn open_browser(&self, url: &str) {
        let report = self.report.clone();
        let opened = Box::new(move |result| {
            if let Err(error) = result {
                let _ = report.send(Message::BrowserFailed(error));
            }
        });
        (self.options.browser)(url, opened);
    }

    fn save_api_key(&mut self, key: SecretString) {
        let store = self.options.sign_in.store.clone();
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let waiting = report.clone();
            let mut notice = |text| _ = waiting.send(Message::Status(Status::Notice(text)));
            let prepared = tokio::select! {
                prepared = ApiKeySave::prepare(&store, key, &mut notice) => prepared,
                _ = abandoned => return false,
            };
            let saved = match prepared {
                Ok(save) => save.commit().await,
                Err(error) => Err(error),
            };
            let saved = saved.map(|(account, warning)| {
                if let Some(warning) = warning {
                    let _ = report.send(Message::Status(Status::Notice(warning)));
                }
                account
            });
            let is_saved = saved.is_ok();
            let _ = report.send(Message::ApiKeySaved(saved));
            is_saved
        });
        self.saving = Some(Saving { keep, task });
    }

    fn sign_out(&self) {
        let sign_in = &self.options.sign_in;
        let (store, issuer) = (sign_in.store.clone(), sign_in.issuer.clone());
        let report = self.report.clone();
        tokio::spawn(async move {
            let waiting = report.clone();
            let mut notice = |text| _ = waiting.send(Message::Status(Status::Notice(text)));
            let result = sign_out(&store, &issuer, &mut notice).await;
            let _ = report.send(Message::SignedOut(result.map(drop)));
        });
    }

    /// An outcome that is known at once still comes back as a message of its own.
    fn later(&self, message: Message) {
        let _ = self.report.send(message);
    }

    fn suspend(&mut self) {
        if self.terminal.suspend() {
            self.away = true;
            self.aside = false;
        }
    }

    /// The person brought the program back, or sent it to the background.
    fn go_on(&mut self) -> Option<Ended> {
        match self.terminal.resume() {
            Ok(is_ours) => {
                self.away = !is_ours;
                self.redraw_everything();
                None
            }
            Err(_) => Some(Ended::Signal(Ending::Hangup)),
        }
    }

    /// For terminals that can neither click nor copy: the link alone, on the main screen.
    fn step_aside(&mut self, url: &str) {
        self.aside = true;
        self.terminal.step_aside(&format!(
            "\r\n{url}\r\n\r\nOpen this link in a browser. Press any key to go back. "
        ));
    }

    fn step_back(&mut self) {
        self.aside = false;
        self.terminal.step_back();
        self.redraw_everything();
    }

    fn redraw_everything(&mut self) {
        // What was half sent belongs to a picture that is gone.
        self.outbox.clear();
        self.stale = true;
        // Writes into memory, which cannot fail.
        let _ = self.screen.invalidate();
    }

    /// Ends what still runs, and finds out how it all ended. A second signal ends it at once.
    async fn leave(mut self, ended: Ended) -> Ended {
        let mut endings = self.signals.endings;
        let saved = async {
            let mut saved = self.completed;
            if let Some(Saving { keep, task }) = self.saving {
                drop(keep);
                saved |= task.await.unwrap_or(false);
            }
            if let Some(cancelling) = self.cancelling {
                saved |= matches!(cancelling.await, Ok(Cancellation::AlreadySaved));
            }
            if let Some(sign_in) = self.sign_in.take() {
                saved |= sign_in.cancel().await == Cancellation::AlreadySaved;
                if saved {
                    sign_in.finish().await;
                }
            }
            saved
        };
        tokio::select! {
            saved = saved => if saved { Ended::SignedIn } else { ended },
            ending = endings.next() => Ended::Signal(ending),
        }
    }
}

/// The account of an attempt that is known to have completed.
async fn completed(sign_in: &mut SignIn) -> Option<Account> {
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(account) = status {
            return Some(account);
        }
    }
    None
}
