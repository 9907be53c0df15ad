//! What moving accounts does, as a model: which file holds which grant, before and after every
//! step. The real code, failing or dying at any system call, is never seen elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use codex_onboarding::auth::internals::{Disk, RealDisk};
use rustix::io::Errno;

use super::disk::{HookedDisk, Step};
use super::support::*;

const PEOPLE: [&str; 3] = ["ada", "bob", "cid"];

/// Serials of grants: as they were, as another program signed in, as they are added.
const OLD: u32 = 1;
const ADDED: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Use(&'static str),
    Add(&'static str),
    Remove(&'static str),
}

/// Which faults the disk has.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One call fails, and the program goes on.
    Once(usize),
    /// From here on nothing happens any more: it was killed.
    Death(usize),
}

impl Grants {
    fn of(active: Option<&str>, parked: impl IntoIterator<Item = &'static str>) -> Self {
        let grant = |name: &str| format!("{name}-{OLD}");
        Self {
            active: active.map(grant),
            parked: parked.into_iter().map(grant).collect(),
        }
    }

    fn all(&self) -> Vec<String> {
        let mut all: Vec<_> = self.active.iter().chain(&self.parked).cloned().collect();
        all.sort();
        all
    }

    fn belongs_to(grant: &str, name: &str) -> bool {
        grant.split('-').next() == Some(name)
    }

    /// The grant of this person that counts: the newest.
    fn newest(&self, name: &str) -> Option<String> {
        let all = self.all();
        all.into_iter().rfind(|grant| Self::belongs_to(grant, name))
    }

    fn without(&self, grant: &str) -> Self {
        let is_another = |other: &&String| *other != grant;
        Self {
            active: self.active.iter().find(is_another).cloned(),
            parked: self.parked.iter().filter(is_another).cloned().collect(),
        }
    }

    fn with_parked(&self, grant: &str) -> Self {
        let mut with = self.clone();
        with.parked.push(grant.to_owned());
        with.parked.sort();
        with
    }

    fn with_active(&self, grant: &str) -> Self {
        Self {
            active: Some(grant.to_owned()),
            ..self.clone()
        }
    }

    /// Of two grants of one person the newer takes the older one's place.
    fn repaired(&self) -> Vec<Self> {
        let mut states = vec![self.clone()];
        for name in PEOPLE {
            let state = states.last().unwrap().clone();
            let newest = state.newest(name).unwrap_or_default();
            let all = state.all();
            let older = all.iter().rev();
            for older in older.filter(|it| Self::belongs_to(it, name) && **it != newest) {
                let last = states.last().unwrap();
                let next = if last.active.as_ref() == Some(older) {
                    last.without(&newest).with_active(&newest)
                } else {
                    last.without(older)
                };
                states.push(next);
            }
        }
        states
    }

    /// Everything that may be seen on the disk when the operation runs on it; the last one is
    /// how it ends. A repair that fails is left for the next time, and the operation goes on.
    fn states(&self, operation: Operation, at_once: bool) -> Vec<Self> {
        let mut states = vec![self.clone()];
        let start = match operation {
            Operation::Add(name) => self.with_parked(&format!("{name}-{ADDED}")),
            _ => self.clone(),
        };
        if start.newest(name_in(operation)).is_none() {
            return states;
        }
        for repaired in start.repaired() {
            states.push(repaired.clone());
            states.extend(repaired.moved(operation, at_once));
        }
        states
    }

    /// What the operation itself makes of it, step by step.
    fn moved(&self, operation: Operation, at_once: bool) -> Vec<Self> {
        let Some(grant) = self.newest(name_in(operation)) else {
            return Vec::new();
        };
        let becomes_active = match operation {
            Operation::Remove(_) => return vec![self.without(&grant)],
            Operation::Use(_) => self.active.as_ref() != Some(&grant),
            Operation::Add(_) => self.active.is_none(),
        };
        if !becomes_active {
            return Vec::new();
        }
        let both_parked = match &self.active {
            Some(before) => self.without(before).with_parked(before),
            None => self.clone(),
        };
        let done = both_parked.without(&grant).with_active(&grant);
        if at_once {
            vec![done]
        } else {
            vec![both_parked, done]
        }
    }

    fn write_to(&self, home: &Home) {
        let parts = |grant: &str| {
            let (name, serial) = grant.split_once('-').unwrap();
            (name.to_owned(), serial.parse().unwrap())
        };
        if let Some((name, serial)) = self.active.as_deref().map(parts) {
            home.activate(&name, serial);
        }
        for grant in &self.parked {
            let (name, serial) = parts(grant);
            home.park(&format!("slot-of-{grant}"), &name, serial);
        }
    }
}

/// Every way in which three accounts can be there or not, and a few in which another program
/// has signed in to one that is there already.
fn starts() -> Vec<Grants> {
    let mut starts = Vec::new();
    for active in [None, Some("ada"), Some("bob")] {
        for chosen in 0..8_usize {
            let parked = PEOPLE
                .into_iter()
                .enumerate()
                .filter(|(number, name)| chosen >> number & 1 == 1 && active != Some(*name))
                .map(|(_, name)| name);
            starts.push(Grants::of(active, parked));
        }
    }
    let ada = Grants::of(Some("ada"), ["bob"]);
    starts.push(ada.with_parked("ada-2"));
    starts.push(ada.with_parked("bob-2"));
    starts.push(
        Grants::of(Some("ada"), [])
            .with_active("ada-2")
            .with_parked("ada-1"),
    );
    let starts: BTreeSet<Grants> = starts.into_iter().collect();
    starts.into_iter().collect()
}

/// A disk without waits, with these faults, and with or without the atomic exchange.
fn disk(at_once: bool, fault: Option<Fault>, count: Arc<AtomicUsize>) -> Arc<dyn Disk> {
    HookedDisk::new(move |number, step| {
        count.store(number + 1, Ordering::SeqCst);
        let fails = match fault {
            None => false,
            Some(Fault::Once(at)) => number == at,
            Some(Fault::Death(at)) => number >= at,
        };
        if fails {
            return Err(Errno::IO.into());
        }
        if step == Step::Swap && !at_once {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(())
    })
}

async fn run(home: &Path, operation: Operation, disk: Arc<dyn Disk>) -> bool {
    let accounts = accounts(home, disk);
    let outcome = match operation {
        Operation::Use(name) => use_account(&accounts, name).await,
        Operation::Remove(name) => remove(&accounts, name).await,
        Operation::Add(name) => add(&accounts, name, ADDED).await.map(drop),
    };
    outcome.is_ok()
}

/// Runs once; returns how many system calls there were.
async fn check(start: &Grants, operation: Operation, at_once: bool, fault: Option<Fault>) -> usize {
    let home = Home::new();
    start.write_to(&home);
    let count = Arc::new(AtomicUsize::new(0));
    let done = run(
        home.path(),
        operation,
        disk(at_once, fault, Arc::clone(&count)),
    )
    .await;
    let context = format!("{start:?} {operation:?} at once: {at_once}, {fault:?}");

    let states = start.states(operation, at_once);
    let seen = home.grants();
    assert!(
        states.contains(&seen),
        "{context}: {seen:?} is none of {states:?}"
    );
    if fault.is_none() {
        assert_eq!(seen, *states.last().unwrap(), "{context}");
        let exists = start.newest(name_in(operation)).is_some();
        assert_eq!(
            done,
            exists || matches!(operation, Operation::Add(_)),
            "{context}"
        );
    }

    // Everybody is listed, once, and the one in the codex home's own file is the active one.
    let listed = home.accounts.list().unwrap();
    assert!(
        listed.iter().all(|account| account.details.is_ok()),
        "{context}"
    );
    let people = PEOPLE.iter().filter(|name| seen.newest(name).is_some());
    assert_eq!(listed.len(), people.count(), "{context}");

    // Whatever was left behind, the next change works, and leaves nothing twice.
    let next = listed.iter().map(|it| it.name.clone()).next_back();
    if let Some(next) = next {
        home.use_account(&next).await.unwrap();
        let after = home.grants();
        let expected = seen.repaired().last().unwrap().all();
        assert_eq!(after.all(), expected, "{context}, then use {next}");
        assert!(Grants::belongs_to(after.active.as_ref().unwrap(), &next));
        assert_eq!(temporary_files(home.path()), 0, "{context}");
    }
    count.load(Ordering::SeqCst)
}

fn name_in(operation: Operation) -> &'static str {
    let (Operation::Use(name) | Operation::Add(name) | Operation::Remove(name)) = operation;
    name
}

/// In the slots.
fn temporary_files(home: &Path) -> usize {
    let slots = fs::read_dir(home.join("accounts")).into_iter().flatten();
    let files = slots.flat_map(|slot| fs::read_dir(slot.unwrap().path()).into_iter().flatten());
    files
        .filter(|file| file.as_ref().unwrap().path().extension() == Some("tmp".as_ref()))
        .count()
}

/// A part of the starts, so that the parts run side by side.
async fn check_all(at_once: bool, operations: &[Operation]) {
    let mut runs = 0;
    for start in starts() {
        for &operation in operations {
            let steps = check(&start, operation, at_once, None).await;
            for at in 0..steps {
                for fault in [Fault::Once(at), Fault::Death(at)] {
                    check(&start, operation, at_once, Some(fault)).await;
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 100, "{runs}");
}

#[tokio::test]
async fn a_use_that_fails_or_dies_anywhere_leaves_every_grant_in_one_file() {
    check_all(true, &PEOPLE.map(Operation::Use)).await;
}

#[tokio::test]
async fn a_use_without_the_atomic_exchange_leaves_every_grant_in_one_file_too() {
    check_all(false, &PEOPLE.map(Operation::Use)).await;
}

#[tokio::test]
async fn an_add_that_fails_or_dies_anywhere_leaves_every_grant_in_one_file() {
    check_all(true, &[Operation::Add("ada"), Operation::Add("cid")]).await;
}

#[tokio::test]
async fn a_remove_that_fails_or_dies_anywhere_leaves_every_other_grant_in_one_file() {
    check_all(true, &PEOPLE.map(Operation::Remove)).await;
}

#[test]
fn the_system_can_exchange_two_files_here() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| folder.path().join(name));
    for file in &files {
        fs::write(file, file.file_name().unwrap().as_encoded_bytes()).unwrap();
    }
    RealDisk.swap(&files[0], &files[1]).unwrap();
    assert_eq!(fs::read(&files[0]).unwrap(), b"b");
    assert_eq!(fs::read(&files[1]).unwrap(), b"a");
}
