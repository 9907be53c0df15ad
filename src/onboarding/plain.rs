//! The onboarding as a dialogue of whole lines, for screen readers and dumb terminals.
//!
//! It shares model, updates and effects with the full screen, so it can do everything that the full
//! screen can. Two things differ: a screen is printed once, and afterwards only its changes; and
//! keys are words followed by Enter.

mod screen_text;

use std::io::{self, Write};

use secrecy::ExposeSecret as _;

use super::clock::Uptime;
use super::effect::Effect;
use super::jobs::Jobs;
use super::message::{Key, Message};
use super::model::{Model, Screen};
use super::options::Exit;
use super::update::{first_effects, update};
use super::{Ended, Options};
use crate::error::{Error, Result};
use crate::hidden_input::HiddenInput;
use crate::sign_in::paste;
use crate::signals::ExitSignal;
use crate::text::clean;
use screen_text::ScreenText;

/// A running dialogue.
pub struct Dialogue<W> {
    model: Model,
    jobs: Jobs,
    exit: Exit,
    input: HiddenInput,
    output: W,
    /// Set until the input has ended.
    listening: bool,
    uptime: Uptime,
    /// The part of the current screen that has been printed.
    told: ScreenText,
}

enum PlainEvent {
    Exit(Ended),
    News(Message),
    Line(Option<secrecy::SecretString>),
}

impl<W: Write> Dialogue<W> {
    /// Catches the signals. Prints nothing yet.
    pub fn new(mut options: Options, input: HiddenInput, output: W) -> Result<Self> {
        let exit = Exit::of(&mut options).map_err(|source| {
            Error::internal("Could not set up the dialogue").with_source(source)
        })?;
        let jobs = Jobs::new(&options);
        let mut facts = options.facts;
        // A moving clock would print a line each second.
        facts.animations = false;
        Ok(Self {
            model: Model::new(facts),
            jobs,
            exit,
            input,
            output,
            listening: true,
            uptime: Uptime::new(options.sign_in.clock),
            told: ScreenText::default(),
        })
    }

    /// Runs until the person is signed in or leaves.
    pub async fn run(mut self) -> Result<Ended> {
        let ended = match self.converse().await {
            Ok(ended) => ended,
            // The reader of the output is gone.
            Err(_) => Ended::Signal(ExitSignal::Hangup),
        };
        // Restores the terminal before the wait for the browser's last page.
        drop(self.input);
        Ok(self.jobs.leave(ended, &mut self.exit).await)
    }

    async fn converse(&mut self) -> io::Result<Ended> {
        self.say(screen_text::greeting(&self.model))?;
        for effect in first_effects(&self.model) {
            self.jobs.carry_out(effect);
        }
        loop {
            // Set the echo before asking: the answer may be there already.
            self.input.hide(self.model.takes_text());
            self.say_what_is_new()?;
            if screen_text::is_last(&self.model) {
                return Ok(Ended::SignedIn);
            }
            // After the end of the input, a screen that needs an answer cannot go on.
            let event = if !self.listening && screen_text::needs_an_answer(&self.model) {
                PlainEvent::Exit(Ended::Signal(ExitSignal::Interrupt))
            } else {
                self.next_event().await
            };
            let ended = match event {
                PlainEvent::Exit(Ended::Signal(ExitSignal::Interrupt)) => {
                    self.tell(Message::Key(Key::Ctrl('c')))?
                }
                PlainEvent::Exit(ended) => Some(ended),
                PlainEvent::News(message) => self.tell(message)?,
                PlainEvent::Line(Some(line)) => self.answer(line.expose_secret())?,
                PlainEvent::Line(None) if self.input.is_gone() => {
                    Some(Ended::Signal(ExitSignal::Hangup))
                }
                PlainEvent::Line(None) => {
                    self.listening = false;
                    None
                }
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    async fn next_event(&mut self) -> PlainEvent {
        // A word is never complete without Enter.
        let is_complete = if self.model.takes_text() {
            paste::is_complete
        } else {
            |_: &str| false
        };
        // A pasted key that is broken over two lines is one answer.
        let is_key = matches!(self.model.screen, Screen::ApiKey(_)) && self.input.is_terminal();
        let input = &mut self.input;
        let line = async {
            if is_key {
                input.next_text().await
            } else {
                input.next_line(is_complete).await
            }
        };
        let tick = self.uptime.reaches(self.model.next_tick());
        tokio::select! {
            ended = self.exit.next() => PlainEvent::Exit(ended),
            news = self.jobs.next() => PlainEvent::News(news),
            line = line, if self.listening => PlainEvent::Line(line),
            () = tick => PlainEvent::News(Message::Tick(self.uptime.elapsed())),
        }
    }

    fn answer(&mut self, line: &str) -> io::Result<Option<Ended>> {
        let Some(messages) = screen_text::meaning(&self.model, line) else {
            self.say(["That is not one of the answers here.".to_owned()])?;
            self.say(self.told.ask.clone())?;
            return Ok(None);
        };
        if messages.is_empty() {
            self.told = ScreenText::default();
            return Ok(None);
        }
        // The person has read the last note. If it comes again, it is printed again.
        self.tell(Message::NoteRead)?;
        self.told = ScreenText::of(&self.model);
        self.told.ask = None;
        for message in messages {
            let ended = self.tell(message)?;
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Updates the model, and carries out the effects.
    fn tell(&mut self, message: Message) -> io::Result<Option<Ended>> {
        for effect in update(&mut self.model, message) {
            if matches!(effect, Effect::OpenBrowser(_)) {
                self.say(["Opening your browser.".to_owned()])?;
            }
            // The link is already on a line of its own, and copying would need an escape
            // sequence: neither is offered here.
            if let Some(Effect::Quit(ended)) = self.jobs.carry_out(effect) {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    fn say_what_is_new(&mut self) -> io::Result<()> {
        let page = ScreenText::of(&self.model);
        self.say(page.beyond(&self.told))?;
        self.told = page;
        Ok(())
    }

    fn say(&mut self, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
        for line in lines {
            // Every text from a server or the environment is cleaned here. Speech synthesisers
            // spell out the ellipsis of a text that was cut; three dots are a pause.
            let line = format!("{}\n", clean(&line).replace('…', "..."));
            self.output.write_all(line.as_bytes())?;
        }
        self.output.flush()
    }
}
