//! The link on the screen: clickable in each of its cells, copied whole, and shown bare.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hyperlinks::linked_cells;
use crate::pty::{Launch, Pty};
use crate::session::{Place, launch, link, start, wait_for_link, walk, welcome};
use crate::stage::Stage;

/// The browser is here, and opens nothing.
fn locally(stage: &Stage, columns: u16, rows: u16) -> Pty {
    let mut launch = Launch {
        columns,
        rows,
        ..launch(stage)
    };
    let browser = ("BROWSER".to_owned(), "/bin/true".to_owned());
    launch.environment.push(browser);
    launch.start()
}

/// Each cell of the text that begins where some row does, as a terminal wraps it.
fn cells_of(pty: &Pty, text: &str, columns: u16) -> Vec<(u16, u16)> {
    let head = &text[..text.len().min(usize::from(columns))];
    let first_row = |screen: &vt100::Screen| {
        let mut rows = (0..).zip(screen.rows(0, columns));
        rows.find_map(|(at, row): (u16, String)| row.starts_with(head).then_some(at))
    };
    pty.until(text, |screen, _| first_row(screen).is_some());
    let screen = pty.screen();
    let first_row = first_row(&screen).unwrap();
    let length = u16::try_from(text.len()).unwrap();
    let cells: Vec<_> = (0..length)
        .map(|at| (first_row + at / columns, at % columns))
        .collect();
    let shown: String = cells
        .iter()
        .map(|&(row, column)| screen.cell(row, column).unwrap().contents())
        .collect();
    assert_eq!(shown, text, "the link is not whole");
    cells
}

/// These cells, and no others, lead there.
fn are_the_links(pty: &Pty, mut cells: Vec<(u16, u16)>, target: &str, size: (u16, u16)) {
    cells.sort_unstable();
    pty.until("a link in each cell", |_, output| {
        let links = linked_cells(output, size.0, size.1);
        let mut linked: Vec<_> = links.keys().copied().collect();
        linked.sort_unstable();
        linked == cells && links.values().all(|link| link == target)
    });
}

/// The link that is as long as a short link can be.
fn short_link(pty: &Pty) -> String {
    pty.sees("http://localhost:");
    let text = pty.text();
    let row = text
        .lines()
        .find(|row| row.starts_with("http://localhost:"));
    row.unwrap().trim_end().to_owned()
}

#[test]
fn every_cell_of_the_whole_link_and_of_the_short_one_is_clickable() {
    let stage = Stage::new();
    let mut pty = locally(&stage, 80, 24);
    walk(&stage, &mut pty, Place::Welcome);
    let link = wait_for_link(&mut pty);
    let short = short_link(&pty);
    let cells = [cells_of(&pty, &link, 80), cells_of(&pty, &short, 80)].concat();
    are_the_links(&pty, cells, &link, (80, 24));
    // And none is, once they are gone.
    pty.send("\x1b");
    pty.sees(welcome::SIGN);
    are_the_links(&pty, Vec::new(), "", (80, 24));
}

#[test]
fn on_a_small_screen_the_short_link_leads_to_the_whole() {
    let stage = Stage::new();
    let mut pty = locally(&stage, 40, 12);
    walk(&stage, &mut pty, Place::Welcome);
    let link = wait_for_link(&mut pty);
    let short = short_link(&pty);
    assert!(short.len() <= 40);
    are_the_links(&pty, cells_of(&pty, &short, 40), &link, (40, 12));
    let page = stage.browse(&stage.approve(&short));
    assert_eq!(page.status, 200);
    pty.sees("Signed in with your ChatGPT account");
}

#[test]
fn far_from_the_browser_the_whole_link_is_clickable() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    are_the_links(&pty, cells_of(&pty, &link, 80), &link, (80, 24));
}

#[test]
fn the_next_attempts_link_takes_the_place_of_the_last_ones() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let first = wait_for_link(&mut pty);
    pty.send("\x1b");
    pty.sees(welcome::SIGN);
    pty.send("1");
    pty.until("a new link", |_, output| {
        crate::session::authorization_url(output).is_some_and(|link| link != first)
    });
    let second = link(&pty);
    are_the_links(&pty, cells_of(&pty, &second, 80), &second, (80, 24));
}

#[test]
fn a_console_that_would_print_hyperlinks_gets_none() {
    let stage = Stage::new();
    let mut launch = launch(&stage);
    launch.environment.retain(|(name, _)| name != "TERM");
    let console = ("TERM".to_owned(), "linux".to_owned());
    launch.environment.push(console);
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    pty.send("1");
    pty.sees("/oauth/authorize?");
    pty.send("\x03");
    let output = pty.ended().output;
    assert!(!String::from_utf8(output).unwrap().contains("\x1b]8;id="));
}

/// The bytes that `c` sends with these variables, and the link that it copies.
fn copied(variable: Option<(&str, &str)>) -> (String, String) {
    let stage = Stage::new();
    let mut launch = Launch {
        rows: 60,
        ..launch(&stage)
    };
    // Together longer than anything in between takes at once.
    let workspaces = ["--workspace".to_owned(), "w".repeat(1000)];
    launch.arguments.extend(workspaces);
    if let Some((name, value)) = variable {
        launch.environment.retain(|(other, _)| other != name);
        launch.environment.push((name.to_owned(), value.to_owned()));
    }
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    let link = wait_for_link(&mut pty);
    let before = pty.output().len();
    pty.send("c");
    pty.sees("sent to your terminal's clipboard");
    let sent = pty.output().split_off(before);
    pty.send("\x03");
    pty.ended();
    (String::from_utf8(sent).unwrap(), link)
}

fn osc_52(link: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(link))
}

#[test]
fn c_puts_the_whole_link_on_the_clipboard_of_the_terminal() {
    let (sent, link) = copied(None);
    assert!(sent.contains(&osc_52(&link)), "{sent:?}");
    assert!(!sent.contains("\x1bP"));
}

#[test]
fn c_reaches_the_terminal_around_tmux() {
    let (sent, link) = copied(Some(("TMUX", "/tmp/tmux-0/default,1,0")));
    let plain = osc_52(&link);
    let passed = format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"));
    assert!(sent.contains(&format!("{plain}{passed}")), "{sent:?}");
}

#[test]
fn c_reaches_the_terminal_around_screen_in_pieces_that_it_takes() {
    for variable in [("STY", "1.pts-0.host"), ("TERM", "screen-256color")] {
        let (sent, link) = copied(Some(variable));
        let pieces = sent.split("\x1bP").skip(1);
        let pieces: Vec<&str> = pieces
            .filter_map(|it| Some(it.split_once("\x1b\\")?.0))
            .collect();
        assert_eq!(pieces.concat(), osc_52(&link), "{sent:?}");
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() <= 768 - 4));
    }
}

#[test]
fn u_shows_the_bare_link_alone_and_any_key_returns() {
    for key in ["x", "\r", "\x1b", "1", "\x1b[A"] {
        let stage = Stage::new();
        let mut pty = start(&stage);
        let link = wait_for_link(&mut pty);
        pty.send("u");
        pty.until("the main screen", |screen, _| {
            !screen.alternate_screen() && screen.contents().contains("any key")
        });
        let output = String::from_utf8(pty.output()).unwrap();
        assert!(
            output.contains(&format!("\x1b[?1049l\r\n{link}\r\n")),
            "{output:?}"
        );
        cells_of(&pty, &link, 80);
        pty.send(key);
        pty.until("the waiting screen", |screen, _| {
            screen.alternate_screen() && screen.contents().contains("Finish signing in")
        });
        // The key did nothing else, and the sign-in has gone on.
        stage.browse(&stage.approve(&link));
        pty.sees("Signed in with your ChatGPT account");
        pty.send("\r");
        let ended = pty.ended();
        assert_eq!(ended.code, 0);
        assert!(ended.same_modes);
    }
}

#[test]
fn beside_the_bare_link_signals_and_ctrl_c_still_end_it() {
    for signal in [None, Some(rustix::process::Signal::TERM)] {
        let stage = Stage::new();
        let mut pty = start(&stage);
        wait_for_link(&mut pty);
        pty.send("u");
        pty.sees("any key");
        match signal {
            Some(signal) => pty.signal(signal),
            None => pty.send("\x03"),
        }
        let ended = pty.ended();
        assert_eq!(ended.code, if signal.is_some() { 143 } else { 130 });
        crate::restored::assert_is_as_before(&ended, "beside the bare link");
    }
}

#[test]
fn a_sign_in_that_completes_beside_the_bare_link_is_shown() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    pty.send("u");
    pty.sees("any key");
    stage.browse(&stage.approve(&link));
    pty.until("success", |screen, _| {
        screen.alternate_screen() && screen.contents().contains("Signed in with your ChatGPT")
    });
}

#[test]
fn going_on_after_a_stop_beside_the_bare_link_shows_the_screen_again() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    pty.send("u");
    pty.sees("any key");
    pty.signal(rustix::process::Signal::CONT);
    pty.until("the screen again", |screen, _| {
        screen.alternate_screen() && screen.contents().contains("Finish signing in")
    });
}
