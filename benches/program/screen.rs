//! The full screen: from the start through a key and a resize to Ctrl-C.

use std::time::Duration;

use crate::footprint::count;
use crate::pty::Pty;
use crate::subject::{Bench, interleaved};
use crate::table::{Goal, Pair, Table, Unit};
use crate::trip::{ms, settle};

/// In the last of the choices. One word: blanks may be skipped over.
pub const CHOICES: &str = "device";

const ROUNDS: usize = 60;

/// After a key nothing more comes: long enough for a frame, short enough for the run.
const QUIET: Duration = Duration::from_millis(40);

/// All of it, in one session a round.
pub fn session(bench: &Bench, table: &mut Table) {
    const NAMES: [&str; 6] = [
        "full screen: start to choices",
        "full screen: key to redraw",
        "full screen: resize to redraw",
        "full screen: Ctrl-C to gone",
        "full screen: bytes per key",
        "full screen: bytes idle in 0.3 s",
    ];
    if !table.wants(&NAMES) {
        return;
    }
    let mut rows: [Pair; 6] = std::array::from_fn(|_| Pair::default());
    interleaved(table.rounds(ROUNDS), |subject| {
        let home = Bench::home();
        let mut pty = Pty::start(&subject.screen(bench.issuer.url(), home.path()));
        let (drawn, _) = pty.sees(CHOICES);
        let idle = if rows[5].ours.len() < 5 {
            Duration::from_millis(300)
        } else {
            QUIET
        };
        pty.within(QUIET);
        let (_, idle_bytes) = pty.within(idle);
        let pressed = pty.send(b"j");
        let (redrawn, key_bytes) = pty.within(QUIET);
        let resized = pty.resize(100);
        let (resize_drawn, _) = pty.sees(CHOICES);
        pty.within(QUIET);
        settle();
        let interrupted = pty.send(b"\x03");
        pty.wait();
        let gone = interrupted.elapsed();
        assert!(pty.is_as_before(), "the terminal was not restored");
        let measured = [
            ms(drawn - pty.started),
            ms(redrawn.expect("a key changes the picture") - pressed),
            ms(resize_drawn - resized),
            ms(gone),
            count(key_bytes),
            count(idle_bytes),
        ];
        for (row, value) in rows.iter_mut().zip(measured) {
            subject.of(row).push(value);
        }
    });
    // The goals as ratios to its floor: 4 / 3.3, 1 / 0.3, 1 / 0.3 and 2 / 0.5 ms.
    let goals = [
        (Unit::Milliseconds, Goal::Times(1.2)),
        (Unit::Milliseconds, Goal::Times(3.3)),
        (Unit::Milliseconds, Goal::Times(3.3)),
        (Unit::Milliseconds, Goal::Times(4.0)),
        (Unit::Count, Goal::AtMost(250.0)),
        (Unit::Count, Goal::AtMost(0.0)),
    ];
    for ((name, (unit, goal)), pair) in NAMES.into_iter().zip(goals).zip(rows) {
        table.row(name, unit, goal, pair);
    }
}
