//! A host with a ratatui loop of its own around the background task.
//!
//! ```sh
//! cargo run --example own_screen
//! ```
//! signs in against the embedded issuer, in a temporary folder.

#[path = "support/stage.rs"]
mod stage;

use std::error::Error;

use codex_onboarding::sign_in::{SignIn, Status};
use codex_onboarding::text::clean;
use crossterm::event::{self, KeyCode};
use ratatui::widgets::{Block, Paragraph, Wrap};
use stage::{Stage, read_on_thread};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let stage = Stage::new()?;
    let sign_in = SignIn::start(stage.sign_in_options()?)?;
    let mut terminal = ratatui::try_init()?;
    let ended = run(&mut terminal, sign_in, &stage).await;
    ratatui::try_restore()?;
    ended
}

/// Draws, waits for whatever comes first, and changes the text. Dropping the sign-in on the way
/// out cancels it.
async fn run(
    terminal: &mut ratatui::DefaultTerminal,
    mut sign_in: SignIn,
    stage: &Stage,
) -> Result<(), Box<dyn Error>> {
    let link = sign_in.link().authorization_url.clone();
    let mut text = format!("Open this link in a browser (o: do it for me, q: leave)\n{link}");
    let mut keys = read_on_thread(|| event::read().ok());
    loop {
        let shown = Paragraph::new(text.as_str()).block(Block::bordered().title("my tool"));
        let shown = shown.wrap(Wrap { trim: false });
        terminal.draw(|frame| frame.render_widget(shown, frame.area()))?;
        tokio::select! {
            Some(status) = sign_in.next() => text = match status {
                Status::Exchanging => "Finishing sign-in".to_owned(),
                // What a server says is cleaned before it meets a terminal.
                Status::Completed(account) => {
                    format!("Signed in as {}\nq: leave", clean(&account.email.unwrap_or_default()))
                }
                Status::Failed(error) => format!("{}\nq: leave", clean(&error.to_string())),
                _ => continue,
            },
            Some(event) = keys.recv() => match event.as_key_press_event().map(|key| key.code) {
                Some(KeyCode::Char('q') | KeyCode::Esc) => return Ok(()),
                Some(KeyCode::Char('o')) => stage.browser()?(&link, Box::new(|_| ())),
                _ => {}
            },
        }
    }
}
