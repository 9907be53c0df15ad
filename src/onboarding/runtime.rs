//! The full screen's event loop: waits for an event, turns it into a message, and carries out the
//! effects. It sleeps while nothing on the screen moves.

use std::io;

use tokio::time::{Instant, sleep_until};

use super::canvas::Canvas;
use super::clock::Uptime;
use super::effect::Effect;
use super::input::Input;
use super::jobs::Jobs;
use super::message::{Key, Message};
use super::model::Model;
use super::options::Exit;
use super::update::{first_effects, update};
use super::{Ended, Options};
use crate::error::{Error, Result};
use crate::sign_in::Status;
use crate::signals::ExitSignal;
use crate::terminal::{Terminal, TerminalEvent, TerminalMode};

/// The full screen: the model, the terminal it is drawn on, and the jobs beside it.
pub struct Runtime {
    model: Model,
    canvas: Canvas,
    terminal: Terminal,
    input: Input,
    last_read: Instant,
    exit: Exit,
    uptime: Uptime,
    /// Set if the picture is older than the model.
    stale: bool,
    jobs: Jobs,
}

enum Event {
    Exit(Ended),
    Terminal(io::Result<TerminalEvent>),
    /// Bytes that may be half a key were followed by no more.
    Pause,
    Report(Message),
}

impl Runtime {
    /// Catches the signals and takes the terminal.
    pub fn new(mut options: Options) -> Result<Self> {
        // Catch signals first, so that none ends the program before the terminal can be restored.
        let exit = Exit::of(&mut options).map_err(|source| {
            Error::internal("Could not set up the full screen").with_source(source)
        })?;
        let terminal = Terminal::enter(TerminalMode::FullScreen, exit.host_catches_signals())?;
        Ok(Self {
            jobs: Jobs::new(&options),
            model: Model::new(options.facts),
            canvas: Canvas::new(&options.environment),
            terminal,
            input: Input::default(),
            last_read: Instant::now(),
            exit,
            uptime: Uptime::new(options.sign_in.clock),
            stale: true,
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
        // Restores the terminal before the wait for the browser's last page.
        drop(self.terminal);
        Ok(self.jobs.leave(ended, &mut self.exit).await)
    }

    /// Draws when the model has changed and the last picture has reached the terminal.
    fn draw(&mut self) -> Result<()> {
        if !self.stale || !self.terminal.shows_screen() || !self.canvas.bytes.is_empty() {
            return Ok(());
        }
        self.stale = false;
        self.canvas
            .draw(&self.model, self.terminal.size())
            .map_err(|source| Error::internal("Could not draw the screen").with_source(source))
    }

    async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let next_tick = self
            .model
            .next_tick()
            .filter(|_| self.terminal.shows_screen());
        let pause = self.input.pause();
        let pause_ends = self.last_read + pause.unwrap_or_default();
        tokio::select! {
            ended = self.exit.next() => Event::Exit(ended),
            event = self.terminal.next(buffer, &self.canvas.bytes) => Event::Terminal(event),
            () = sleep_until(pause_ends), if pause.is_some() => Event::Pause,
            message = self.jobs.next() => Event::Report(message),
            () = self.uptime.reaches(next_tick) => {
                Event::Report(Message::Tick(self.uptime.elapsed()))
            }
        }
    }

    fn handle(&mut self, event: Event, buffer: &[u8]) -> Option<Ended> {
        match event {
            Event::Exit(Ended::Signal(ExitSignal::Interrupt)) => {
                self.apply(Message::Key(Key::Ctrl('c')))
            }
            Event::Exit(ended) => Some(ended),
            Event::Terminal(Ok(TerminalEvent::Resumed)) => {
                self.redraw_everything();
                None
            }
            Event::Terminal(Ok(TerminalEvent::Resized)) => {
                self.stale |= self.canvas.size() != self.terminal.size();
                None
            }
            // The other end of the terminal is closed.
            Event::Terminal(Ok(TerminalEvent::Read(0)) | Err(_)) => {
                Some(Ended::Signal(ExitSignal::Hangup))
            }
            Event::Terminal(Ok(TerminalEvent::Read(count))) => {
                self.last_read = Instant::now();
                let messages = self.input.feed(&buffer[..count], self.model.takes_text());
                self.handle_input(messages)
            }
            Event::Terminal(Ok(TerminalEvent::Written(count))) => {
                self.canvas.bytes.drain(..count);
                None
            }
            Event::Pause => {
                let messages = self.input.flush();
                self.handle_input(messages)
            }
            Event::Report(message) => self.handle_report(message),
        }
    }

    /// Handles typed input. A few keys concern the terminal, not the screen.
    fn handle_input(&mut self, messages: Vec<Message>) -> Option<Ended> {
        for message in messages {
            let is_key = matches!(message, Message::Key(key) if key != Key::Ctrl('c'));
            if self.step_back() && is_key {
                continue;
            }
            match message {
                Message::Key(Key::Ctrl('z')) => self.terminal.suspend(),
                Message::Key(Key::Ctrl('l')) => self.redraw_everything(),
                message => {
                    let ended = self.apply(message);
                    if ended.is_some() {
                        return ended;
                    }
                }
            }
        }
        None
    }

    fn handle_report(&mut self, message: Message) -> Option<Ended> {
        // Return from the bare link, so that the person sees the sign-in's progress.
        if let Message::Status(status) = &message
            && !matches!(
                status,
                Status::Waiting(_) | Status::Notice(_) | Status::DeviceCode(_)
            )
        {
            self.step_back();
        }
        self.apply(message)
    }

    /// Updates the model, and carries out the effects.
    fn apply(&mut self, message: Message) -> Option<Ended> {
        self.stale = true;
        let effects = update(&mut self.model, message);
        for effect in effects {
            match self.jobs.carry_out(effect) {
                Some(Effect::Copy(text)) => self.canvas.copy(&text),
                Some(Effect::ShowBareUrl(url)) => self.step_aside(&url),
                Some(Effect::Quit(ended)) => return Some(ended),
                _ => {}
            }
        }
        None
    }

    /// Shows the link alone on the main screen, for terminals that can neither click nor copy.
    fn step_aside(&mut self, url: &str) {
        self.terminal.step_aside(&format!(
            "\r\n{url}\r\n\r\nOpen this link in a browser.\r\nPress any key to go back. "
        ));
    }

    /// Returns to the full screen, and returns whether the link was shown.
    fn step_back(&mut self) -> bool {
        let was_aside = self.terminal.step_back();
        if was_aside {
            self.redraw_everything();
        }
        was_aside
    }

    fn redraw_everything(&mut self) {
        self.stale = true;
        self.canvas.invalidate();
    }
}
