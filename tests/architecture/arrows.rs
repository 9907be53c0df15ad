//! Reads the source and finds which module uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module by its path in the crate; the root is empty. The program's modules stand beside
/// the library's.
pub type Module = Vec<String>;

/// One module uses another, or something in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: Module,
    pub to: Module,
}

/// All modules of the crate, and the arrows between them outside of unit tests.
pub struct Arrows {
    pub modules: BTreeSet<Module>,
    pub arrows: BTreeSet<Arrow>,
}

/// A path in the source, as it is written.
struct Mention {
    inside: Module,
    path: Vec<String>,
    /// The name that a `use` gives it.
    imported_as: Option<String>,
}

impl Arrows {
    /// Reads everything below a source folder.
    pub fn read(source: &Path) -> Self {
        let files = files_below(source);
        let modules: BTreeSet<Module> = files.iter().map(|file| module_of(file, source)).collect();
        let mut mentions = Vec::new();
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            let tokens: TokenStream = text.parse().unwrap();
            find_paths(tokens, &module_of(file, source), &mut mentions);
        }
        mentions.retain(|mention| !mention.inside.contains(&"tests".to_owned()));
        let names = Names::new(&modules, &mentions);
        let mut arrows = BTreeSet::new();
        for mention in &mentions {
            if let Some(to) = names.resolve(&mention.inside, &mention.path, 0) {
                let from = names.nearest(&mention.inside);
                arrows.insert(Arrow { from, to });
            }
        }
        Self { modules, arrows }
    }

    /// Returns the circles: below each module, the children that reach each other by arrows
    /// between siblings.
    pub fn circles(&self) -> BTreeSet<String> {
        let mut edges: BTreeMap<Module, BTreeSet<(String, String)>> = BTreeMap::new();
        for Arrow { from, to } in &self.arrows {
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            // A child may use its parent, and a parent its child.
            if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
                let siblings = edges.entry(from[..common].to_vec()).or_default();
                siblings.insert((a.clone(), b.clone()));
            }
        }
        let mut circles = BTreeSet::new();
        for (parent, edges) in &edges {
            let starts: BTreeSet<&String> = edges.iter().map(|(a, _)| a).collect();
            for start in starts {
                let circle: Vec<&str> = reachable(start, edges)
                    .into_iter()
                    .filter(|other| reachable(other, edges).contains(start.as_str()))
                    .collect();
                if !circle.is_empty() {
                    circles.insert(format!("{}: {}", parent.join("::"), circle.join(" <-> ")));
                }
            }
        }
        circles
    }
}

/// Returns everything that can be reached from `start`; itself only by a circle.
fn reachable<'a>(start: &str, edges: &'a BTreeSet<(String, String)>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| from == at) {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

/// Names that modules import, under which other modules may find them.
struct Names<'a> {
    modules: &'a BTreeSet<Module>,
    imports: BTreeMap<(&'a Module, &'a str), &'a Mention>,
}

impl<'a> Names<'a> {
    fn new(modules: &'a BTreeSet<Module>, mentions: &'a [Mention]) -> Self {
        let imports = mentions.iter().filter_map(|mention| {
            let name = mention.imported_as.as_deref()?;
            Some(((&mention.inside, name), mention))
        });
        Self {
            modules,
            imports: imports.collect(),
        }
    }

    /// Returns the module that a path leads into, through re-exports; `None` when it leaves
    /// the crate.
    fn resolve(&self, inside: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut at = inside.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" | "codex_onboarding" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            first if self.modules.contains(&child(&at, first)) => {}
            _ => return None,
        }
        for segment in rest {
            if self.modules.contains(&child(&at, segment)) {
                at.push(segment.clone());
            } else if let Some(import) = self.imports.get(&(&at, segment))
                && depth < 8
            {
                // A name from another crate: the arrow ends at the module that imports it.
                let Some(origin) = self.resolve(&import.inside, &import.path, depth + 1) else {
                    break;
                };
                at = origin;
            } else {
                break;
            }
        }
        Some(self.nearest(&at))
    }

    /// Returns the module that has a file: an inline module counts as its parent.
    fn nearest(&self, module: &Module) -> Module {
        let mut module = module.clone();
        while !self.modules.contains(&module) {
            module.pop();
        }
        module
    }
}

fn child(parent: &Module, name: &str) -> Module {
    parent.iter().cloned().chain([name.to_owned()]).collect()
}

/// `src/a/b.rs` is `a::b`; the crate's roots are the empty path.
fn module_of(file: &Path, source: &Path) -> Module {
    let path = file.strip_prefix(source).unwrap().with_extension("");
    let names = path
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect();
    match names {
        names if names == ["lib"] || names == ["main"] => Module::new(),
        names => names,
    }
}

/// Returns every Rust file below a folder.
pub fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .flat_map(|entry| files_below(&entry.unwrap().path()))
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// Finds every path of two or more segments, and every import.
fn find_paths(tokens: TokenStream, inside: &Module, found: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    loop {
        rest = match rest {
            [] => return,
            [TokenTree::Ident(word), tail @ ..] if word == "use" => {
                read_path(tail, &[], inside, true, found)
            }
            [
                TokenTree::Ident(word),
                TokenTree::Ident(name),
                TokenTree::Group(body),
                tail @ ..,
            ] if word == "mod" => {
                find_paths(body.stream(), &child(inside, &name.to_string()), found);
                tail
            }
            [TokenTree::Ident(_), ..] => read_path(rest, &[], inside, false, found),
            [TokenTree::Group(group), tail @ ..] => {
                find_paths(group.stream(), inside, found);
                tail
            }
            [_, tail @ ..] => tail,
        };
    }
}

/// Reads one path, with the groups of a `use`, and returns the tokens behind it.
fn read_path<'a>(
    mut rest: &'a [TokenTree],
    prefix: &[String],
    inside: &Module,
    is_import: bool,
    found: &mut Vec<Mention>,
) -> &'a [TokenTree] {
    let mut path = prefix.to_vec();
    loop {
        match rest {
            [TokenTree::Group(group), tail @ ..] if group.delimiter() == Delimiter::Brace => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
                for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
                    read_path(part, &path, inside, is_import, found);
                }
                return tail;
            }
            [TokenTree::Ident(name), tail @ ..] => {
                path.push(name.to_string());
                rest = tail;
            }
            _ => break,
        }
        match rest {
            [TokenTree::Punct(a), TokenTree::Punct(b), tail @ ..]
                if a.as_char() == ':' && b.as_char() == ':' =>
            {
                rest = tail;
            }
            _ => break,
        }
    }
    // `a::{self, b}` imports `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let alias = match rest {
        [TokenTree::Ident(word), TokenTree::Ident(alias), ..] if is_import && word == "as" => {
            Some(alias.to_string())
        }
        _ => path.last().cloned(),
    };
    if path.len() > 1 {
        found.push(Mention {
            inside: inside.clone(),
            path,
            imported_as: alias.filter(|_| is_import),
        });
    }
    rest
}
