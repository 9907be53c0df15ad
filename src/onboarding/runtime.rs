//! The loop: waits for whatever comes next, turns it into a message, and carries out the
//! effects. Nothing wakes it while nothing moves.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::canvas::Canvas;
use super::clock::Uptime;
use super::effect::Effect;
use super::exit::Exit;
use super::input::Input;
use super::jobs::Jobs;
use super::message::{Key, Message};
use super::model::Model;
use super::update::{first_effects, update};
use super::{Ended, Options};
use crate::error::{Error, Result};
use crate::sign_in::Status;
use crate::signals::{ExitSignal, JobControl, JobSignal, Resizes};
use crate::terminal::{Terminal, TerminalMode, restore};

/// The time between two checks of the window's size where no signal tells of it: the host
/// catches them, or the terminal is another session's.
const LOOK: Duration = Duration::from_millis(250);

/// The full screen: the model, the terminal it is drawn on, and what runs beside it.
pub struct Runtime {
    model: Model,
    canvas: Canvas,
    terminal: Terminal,
    input: Input,
    last_read: Instant,
    signals: Signals,
    uptime: Uptime,
    /// Bytes that the terminal has not accepted yet.
    outbox: Vec<u8>,
    /// The picture is older than the model.
    stale: bool,
    /// The bare link is shown instead of the full screen.
    aside: bool,
    /// The program was stopped or runs in the background: the terminal is the shell's.
    away: bool,
    jobs: Jobs,
}

/// Events from outside. Only `exit` remains when the host catches signals itself, and no signal
/// tells of sizes where the terminal is another session's.
struct Signals {
    exit: Exit,
    resizes: Option<Resizes>,
    job_control: Option<JobControl>,
}

enum Event {
    Exit(Ended),
    JobSignal(JobSignal),
    /// The window may have another size.
    Resized,
    Read(io::Result<usize>),
    Settled,
    Written(io::Result<usize>),
    News(Message),
    Tick,
}

impl Signals {
    fn of(options: &mut Options) -> io::Result<Self> {
        let exit = Exit::of(options)?;
        let ours = !exit.is_up_to_the_host();
        Ok(Self {
            exit,
            resizes: ours.then(Resizes::catch).transpose()?,
            job_control: ours.then(JobControl::catch).transpose()?,
        })
    }

    /// Waits for the next event. Cancel safe.
    async fn next(&mut self) -> Event {
        let resized = async {
            match &mut self.resizes {
                Some(resizes) => resizes.next().await,
                None => tokio::time::sleep(LOOK).await,
            }
        };
        let job_signal = async {
            match &mut self.job_control {
                Some(job_control) => job_control.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = self.exit.next() => Event::Exit(ended),
            signal = job_signal => Event::JobSignal(signal),
            () = resized => Event::Resized,
        }
    }
}

impl Runtime {
    /// Catches the signals and takes the terminal.
    pub fn new(mut options: Options) -> Result<Self> {
        let broken = |source: io::Error| {
            Error::internal("Could not set up the full screen").with_source(source)
        };
        // First, so that no signal ends the program while the terminal is ours.
        let mut signals = Signals::of(&mut options).map_err(broken)?;
        let terminal = Terminal::enter(TerminalMode::FullScreen)?;
        if !terminal.sends_signals() {
            signals.resizes = None;
        }
        Ok(Self {
            jobs: Jobs::new(&options),
            model: Model::new(options.facts),
            canvas: Canvas::new(&options.environment),
            terminal,
            input: Input::default(),
            last_read: Instant::now(),
            signals,
            uptime: Uptime::new(options.sign_in.clock),
            outbox: Vec::new(),
            stale: true,
            aside: false,
            away: false,
        })
    }

    /// Runs until the person leaves or a signal ends it, then restores the terminal.
    pub async fn run(mut self) -> Result<Ended> {
        let mut buffer = vec![0; 4096];
        for effect in first_effects(&self.model) {
            self.jobs.carry_out(effect);
        }
        let ended = loop {
            self.draw()?;
            let event = self.next_event(&mut buffer).await;
            if let Some(ended) = self.handle(event, &buffer) {
                break ended;
            }
        };
        restore();
        Ok(self.jobs.leave(ended, &mut self.signals.exit).await)
    }

    /// Draws when the model has changed and the last picture has reached the terminal.
    fn draw(&mut self) -> Result<()> {
        if !self.stale || self.aside || self.away || !self.outbox.is_empty() {
            return Ok(());
        }
        self.stale = false;
        self.canvas
            .draw(&self.model, self.terminal.size())
            .map_err(|source| Error::internal("Could not draw the screen").with_source(source))?;
        self.outbox = self.canvas.take_bytes();
        Ok(())
    }

    async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let next_tick = self.model.next_tick().filter(|_| !self.aside && !self.away);
        let tick = self.uptime.reaches(next_tick);
        let settled_at = self.input.patience().map(|time| self.last_read + time);
        let settled = async move {
            match settled_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.signals.next() => event,
            written = self.terminal.write(&self.outbox), if !self.outbox.is_empty() && !self.away => {
                Event::Written(written)
            }
            read = self.terminal.read(buffer), if !self.away => Event::Read(read),
            () = settled => Event::Settled,
            news = self.jobs.next() => Event::News(news),
            () = tick => Event::Tick,
        }
    }

    fn handle(&mut self, event: Event, buffer: &[u8]) -> Option<Ended> {
        match event {
            Event::Exit(Ended::Signal(ExitSignal::Interrupt)) => {
                self.tell(Message::Key(Key::Ctrl('c')))
            }
            Event::Exit(ended) => Some(ended),
            Event::JobSignal(JobSignal::Stop) => {
                self.suspend();
                None
            }
            Event::JobSignal(JobSignal::GoOn) => self.go_on(),
            Event::Resized if self.canvas.size() == self.terminal.size() => None,
            Event::Resized => self.tell(Message::Redraw),
            // The other end of the terminal is closed.
            Event::Read(Ok(0) | Err(_)) | Event::Written(Err(_)) => {
                Some(Ended::Signal(ExitSignal::Hangup))
            }
            Event::Read(Ok(count)) => {
                self.last_read = Instant::now();
                let messages = self.input.feed(&buffer[..count], self.model.takes_text());
                self.take_in(messages)
            }
            Event::Settled => {
                let messages = self.input.settle();
                self.take_in(messages)
            }
            Event::Written(Ok(count)) => {
                self.outbox.drain(..count);
                None
            }
            Event::News(news) => self.take_news(news),
            Event::Tick => {
                let elapsed = self.uptime.elapsed();
                self.tell(Message::Tick(elapsed))
            }
        }
    }

    /// Takes what was typed. A few keys concern the terminal and not the screen.
    fn take_in(&mut self, messages: Vec<Message>) -> Option<Ended> {
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
                message => self.tell(message),
            };
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    fn take_news(&mut self, news: Message) -> Option<Ended> {
        // The sign-in moves on by itself, which the person should see.
        if self.aside
            && let Message::Status(status) = &news
            && !matches!(
                status,
                Status::Waiting(_) | Status::Notice(_) | Status::DeviceCode(_)
            )
        {
            self.step_back();
        }
        self.tell(news)
    }

    /// Tells the model, and carries out what it asks for.
    fn tell(&mut self, message: Message) -> Option<Ended> {
        self.stale = true;
        let effects = update(&mut self.model, message);
        for effect in effects {
            match self.jobs.carry_out(effect) {
                Some(Effect::Copy(text)) => {
                    self.canvas.copy(&text);
                    self.outbox.extend(self.canvas.take_bytes());
                }
                Some(Effect::ShowBareUrl(url)) => self.step_aside(&url),
                Some(Effect::Quit(ended)) => return Some(ended),
                _ => {}
            }
        }
        None
    }

    fn suspend(&mut self) {
        // Without SIGCONT nobody would take the terminal back.
        let may_stop = self
            .signals
            .job_control
            .as_ref()
            .is_some_and(JobControl::may_stop);
        if may_stop && self.terminal.suspend() {
            self.away = true;
            self.aside = false;
        }
    }

    /// Goes on after SIGCONT, in the foreground or in the background.
    fn go_on(&mut self) -> Option<Ended> {
        match self.terminal.resume() {
            Ok(is_ours) => {
                self.away = !is_ours;
                self.redraw_everything();
                None
            }
            Err(_) => Some(Ended::Signal(ExitSignal::Hangup)),
        }
    }

    /// Shows the link alone on the main screen, for terminals that can neither click nor copy.
    fn step_aside(&mut self, url: &str) {
        self.aside = true;
        self.terminal.step_aside(&format!(
            "\r\n{url}\r\n\r\nOpen this link in a browser.\r\nPress any key to go back. "
        ));
    }

    fn step_back(&mut self) {
        self.aside = false;
        self.terminal.step_back();
        self.redraw_everything();
    }

    fn redraw_everything(&mut self) {
        // The rest of the last picture is of no use.
        self.outbox.clear();
        self.stale = true;
        self.canvas.invalidate();
    }
}
