//! Memory, threads and processor time of a process, from `/proc`.

use std::fs::{read_dir, read_to_string};

/// At one moment.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Resident, in megabytes (10^6 bytes): everything, and without what others share.
    pub resident: f64,
    pub private: f64,
    pub threads: f64,
    /// Clock ticks on a core so far.
    pub ticks: f64,
    /// How often any of its threads was put on a core.
    pub wakeups: f64,
}

impl Footprint {
    pub fn of(pid: u32) -> Self {
        let rollup = read(&format!("/proc/{pid}/smaps_rollup"));
        let stat = read(&format!("/proc/{pid}/stat"));
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = after_name.split(' ').collect();
        let threads: Vec<String> = read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .map(|task| read(&format!("{}/status", task.unwrap().path().display())))
            .collect();
        let switches = |status: &String| {
            field(status, "voluntary_ctxt_switches:") + field(status, "nonvoluntary_ctxt_switches:")
        };
        Self {
            resident: megabytes(field(&rollup, "Rss:")),
            private: megabytes(field(&rollup, "Private_Clean:") + field(&rollup, "Private_Dirty:")),
            threads: count(threads.len()),
            ticks: fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap(),
            wakeups: threads.iter().map(switches).sum(),
        }
    }
}

fn read(path: &str) -> String {
    read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.unwrap_or("0").parse().unwrap()
}

fn megabytes(kibibytes: f64) -> f64 {
    kibibytes * 1024.0 / 1e6
}

#[allow(clippy::cast_precision_loss)] // Threads, bytes on a terminal.
pub fn count(count: usize) -> f64 {
    count as f64
}
