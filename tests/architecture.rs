//! The folders are the architecture: arrows between modules point one way.

#![allow(clippy::unwrap_used)] // A test may panic.

#[path = "architecture/arrows.rs"]
mod arrows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arrows::{Arrows, files_below};

/// Modules that every module may use. They use each other alone.
const LEAVES: [&str; 10] = [
    "crypto_provider",
    "environment",
    "error",
    "html",
    "outlet",
    "platform",
    "product",
    "signals",
    "text",
    "users",
];

/// Every other module of the library, and the modules that it may use beside the leaves.
const LIBRARY: [(&str, &[&str]); 9] = [
    ("auth", &[]),
    ("browser", &["auth"]),
    ("demo", &[]),
    (
        "doctor",
        &["auth", "browser", "demo", "onboarding", "remote", "sign_in"],
    ),
    ("hidden_input", &["terminal"]),
    (
        "onboarding",
        &[
            "auth",
            "browser",
            "hidden_input",
            "remote",
            "sign_in",
            "terminal",
        ],
    ),
    ("remote", &[]),
    ("sign_in", &["auth"]),
    ("terminal", &[]),
];

/// The program's modules. They may use the whole library; no module of it uses them.
const PROGRAM: [(&str, &[&str]); 5] = [
    ("cli", &[]),
    ("commands", &["cli", "settings", "streams"]),
    ("settings", &["cli"]),
    ("streams", &[]),
    ("trace", &["settings", "streams"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn every_module_uses_only_what_its_rule_allows() {
    let arrows = Arrows::read(&source());
    let library: Vec<&str> = LEAVES
        .into_iter()
        .chain(LIBRARY.map(|(name, _)| name))
        .collect();
    let allowed = |from: &str, to: &str| {
        let rule = |rules: &[(&str, &[&str])]| {
            rules
                .iter()
                .any(|(name, uses)| *name == from && uses.contains(&to))
        };
        let in_program = PROGRAM.iter().any(|(name, _)| *name == from);
        LEAVES.contains(&to)
            || rule(&LIBRARY)
            || rule(&PROGRAM)
            || (in_program && library.contains(&to))
    };
    let strangers: Vec<String> = arrows
        .arrows
        .iter()
        .filter_map(|arrow| Some((arrow, arrow.from.first()?, arrow.to.first()?)))
        .filter(|(_, from, to)| from != to && !allowed(from, to))
        .map(|(arrow, ..)| format!("{} uses {}", arrow.from.join("::"), arrow.to.join("::")))
        .collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
}

#[test]
fn every_module_has_a_rule() {
    let modules = Arrows::read(&source()).modules;
    let modules: BTreeSet<&str> = modules
        .iter()
        .filter_map(|m| Some(m.first()?.as_str()))
        .collect();
    let ruled: BTreeSet<&str> = LEAVES
        .into_iter()
        .chain(LIBRARY.map(|(name, _)| name))
        .chain(PROGRAM.map(|(name, _)| name))
        .collect();
    assert_eq!(modules, ruled);
}

#[test]
fn no_two_siblings_depend_on_each_other() {
    let circles = Arrows::read(&source()).circles();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_of_siblings_is_found_however_it_is_written() {
    let files = [
        ("lib.rs", "mod house; pub use house::Door;"),
        (
            "house.rs",
            "mod attic; mod cellar; mod hall; mod yard; use hall::Light; pub use yard::Door;",
        ),
        // Through a group, `super`, the parent's import, and the crate's.
        (
            "house/attic.rs",
            "use super::{cellar::{self, Wine}, Other};",
        ),
        (
            "house/cellar.rs",
            "fn f() { let light: super::Light = g(|| crate::Door); }",
        ),
        ("house/hall.rs", "use crate::house::attic::Chest as Box;"),
        // A comment, a text and a unit test are no arrow.
        (
            "house/yard.rs",
            "// super::hall\nconst A: &str = \"super::hall\"; mod tests { use super::super::hall; }",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("house")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let circles = Arrows::read(folder.path()).circles();
    assert_eq!(
        circles,
        BTreeSet::from(["house: attic <-> cellar <-> hall".to_owned()])
    );
}

/// Returns `foo.rs` and everything below `foo/`.
fn module(name: &str) -> Vec<PathBuf> {
    let mut files = files_below(&source().join(name));
    files.extend(files_below(&source().join(format!("{name}.rs"))));
    assert!(!files.is_empty(), "there is no module {name}");
    files
}

#[test]
fn the_view_only_reads_the_model() {
    for file in module("onboarding/view") {
        let text = fs::read_to_string(&file).unwrap();
        for stranger in [
            "tokio",
            "super::update",
            "Runtime",
            "SignIn::",
            "std::fs",
            "Instant",
        ] {
            let at = text.find(stranger);
            assert!(at.is_none(), "{} knows {stranger}", file.display());
        }
    }
}

#[test]
fn the_library_prints_nothing() {
    for name in LEAVES.into_iter().chain(LIBRARY.map(|(name, _)| name)) {
        for file in module(name) {
            let text = fs::read_to_string(&file).unwrap();
            // An example in a comment is a host's own code.
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let text: String = code.collect();
            for printer in ["println!", "eprintln!", "print!(", "dbg!"] {
                let at = text.find(printer);
                assert!(at.is_none(), "{} uses {printer}", file.display());
            }
        }
    }
}

#[test]
fn only_the_files_of_a_system_know_that_systems_differ() {
    let seams = ["platform", "remote", "signals", "terminal"].map(|name| source().join(name));
    let is_seam = |path: &Path| {
        let of_a_system = |seam: &PathBuf| {
            path.starts_with(seam.join("unix"))
                || ["unix.rs", "windows.rs"]
                    .iter()
                    .any(|file| path == seam.join(file))
        };
        seams.contains(&path.with_extension("")) || seams.iter().any(of_a_system)
    };
    for path in files_below(&source()) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for stranger in ["(windows)", "os::unix", "os::windows", "rustix"] {
            let knows = code.contains(stranger) && !is_seam(&path);
            assert!(!knows, "{} knows {stranger}", path.display());
        }
    }
}

/// Returns the name of the type that a line of source defines.
fn type_defined_in(line: &str) -> Option<&str> {
    let words = ["struct ", "enum ", "trait ", "type "];
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) => rest
            .split_once(") ")
            .map_or(rest, |(_, rest)| rest)
            .trim_start(),
        None => line,
    };
    let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|it: char| !it.is_alphanumeric()).next()
}

/// One word, one meaning. The two files of a seam between systems define the same types.
#[test]
fn no_two_modules_have_a_type_of_the_same_name() {
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files_below(&source()) {
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        if is_test || path.ends_with("tests.rs") || path.ends_with("windows.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
        // An associated type has the name that its trait gives it.
        let lines = code.lines().filter(|line| !line.starts_with("    type "));
        for name in lines.filter_map(type_defined_in) {
            places
                .entry(name.to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    assert!(places.len() > 100, "{places:?}");
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn no_module_is_hidden_in_a_mod_rs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests", "benches"] {
        for file in files_below(&root.join(folder)) {
            assert!(!file.ends_with("mod.rs"), "{}", file.display());
        }
    }
}

#[test]
fn every_test_that_security_md_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let names = rows.flat_map(|row| row.rsplit('|').nth(1).unwrap_or("").split('`'));
    let names: Vec<&str> = names.filter(|name| name.contains('_')).collect();
    assert!(names.len() > 20, "{names:?}");
    let files = ["src", "tests"].map(|folder| files_below(&root.join(folder)));
    let texts = files.iter().flatten().map(fs::read_to_string);
    let code: String = texts.map(Result::unwrap).collect();
    for name in names {
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
}
