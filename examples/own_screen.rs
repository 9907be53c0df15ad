//! A host with a ratatui loop of its own around the background task.
//!
//! ```sh
//! cargo run --example own_screen
//! ```
//! signs in against the embedded issuer, in a temporary folder. `o` plays the person in the
//! browser, `q` leaves.

use std::error::Error;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{DemoIssuer, Person, Profile};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use codex_onboarding::text::clean;
use crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Wrap};
use tokio::sync::mpsc;

/// What the host's screen shows of the sign-in.
enum View {
    Waiting { link: String },
    Finishing,
    SignedIn { email: String },
    Failed { why: String },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let demo = DemoIssuer::start(Profile::default())?;
    let home = tempfile::tempdir()?;
    // For real: `Issuer::openai()`, the registered ports, and the folder of the host's own.
    let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
    let mut options = SignInOptions::new(issuer, Store::new(home.path()));
    options.port = Port::Exactly(0);

    let sign_in = SignIn::start(options)?;
    let mut terminal = ratatui::try_init()?;
    let ended = run(&mut terminal, sign_in, demo.url()).await;
    ratatui::try_restore()?;
    ended
}

/// Draws, waits for whatever comes first, and changes the view. Dropping the sign-in on the
/// way out cancels it.
async fn run(
    terminal: &mut ratatui::DefaultTerminal,
    mut sign_in: SignIn,
    issuer: &str,
) -> Result<(), Box<dyn Error>> {
    let link = sign_in.link().authorization_url.clone();
    let mut view = View::Waiting { link: link.clone() };
    let mut keys = keys();
    loop {
        terminal.draw(|frame| draw(frame, &view))?;
        tokio::select! {
            Some(status) = sign_in.next() => match status {
                Status::Exchanging => view = View::Finishing,
                Status::Completed(account) => {
                    view = View::SignedIn { email: account.email.unwrap_or_default() };
                }
                Status::Failed(error) => view = View::Failed { why: error.to_string() },
                _ => {}
            },
            Some(key) = keys.recv() => match key {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                // A host opens the link in the browser; here the program plays the person.
                KeyCode::Char('o') => {
                    let person = Person::at(issuer)?;
                    let link = link.clone();
                    tokio::spawn(async move {
                        if let Ok(callback) = person.approve(&link).await {
                            let _ = person.browse(callback.as_str()).await;
                        }
                    });
                }
                _ => {}
            },
        }
    }
}

fn draw(frame: &mut Frame, view: &View) {
    // What a server says is cleaned before it meets a terminal.
    let lines = match view {
        View::Waiting { link } => vec![
            Line::from("Open this link in a browser (o: do it for me, q: leave)"),
            Line::from(link.as_str()),
        ],
        View::Finishing => vec![Line::from("Finishing sign-in")],
        View::SignedIn { email } => vec![
            Line::from(format!("Signed in as {}", clean(email))),
            Line::from("q: leave"),
        ],
        View::Failed { why } => vec![Line::from(clean(why)), Line::from("q: leave")],
    };
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(text.block(Block::bordered().title("my tool")), frame.area());
}

/// Reads the keyboard on a thread of its own.
fn keys() -> mpsc::UnboundedReceiver<KeyCode> {
    let (sender, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Event::Key(key) = event
                && key.kind == KeyEventKind::Press
                && sender.send(key.code).is_err()
            {
                return;
            }
        }
    });
    keys
}
