//! The library's modules as they are written, and what a name in one of them means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree, Visibility};

/// A module's path, without the crate.
pub type ModulePath = Vec<String>;

/// Every module with its items, those that only tests see left out.
pub struct Source(BTreeMap<ModulePath, Vec<Item>>);

/// What a name stands for.
pub enum Meaning<'a> {
    /// An item of the library, and the module that it is written in.
    Here(ModulePath, &'a Item),
    /// A module of the library.
    Module(ModulePath),
    /// Something in another crate.
    Elsewhere(String),
}

impl Source {
    pub fn read(folder: &Path) -> Self {
        let mut source = Self(BTreeMap::new());
        source.add(Vec::new(), &folder.join("lib.rs"), folder);
        source
    }

    fn add(&mut self, path: ModulePath, file: &Path, folder: &Path) {
        let text = std::fs::read_to_string(file).unwrap();
        let mut items = syn::parse_file(&text).unwrap().items;
        items.retain(|item| !is_left_out(attributes(item)));
        for item in &items {
            if let Item::Mod(module) = item {
                let name = module.ident.to_string();
                let path = [path.clone(), vec![name.clone()]].concat();
                if let Some((_, items)) = &module.content {
                    self.0.insert(path, items.clone());
                    continue;
                }
                let file = path_of(&module.attrs).map_or_else(
                    || folder.join(format!("{name}.rs")),
                    |named| file.with_file_name(named),
                );
                self.add(path, &file, &folder.join(name));
            }
        }
        self.0.insert(path, items);
    }

    pub fn items(&self, module: &ModulePath) -> &[Item] {
        &self.0[module]
    }

    pub fn modules(&self) -> impl Iterator<Item = (&ModulePath, &Vec<Item>)> {
        self.0.iter()
    }

    /// What this path means where it is written.
    pub fn meaning(&self, module: &ModulePath, path: &[String]) -> Meaning<'_> {
        let Some((first, rest)) = path.split_first() else {
            return Meaning::Module(module.clone());
        };
        match first.as_str() {
            "crate" => return self.meaning(&Vec::new(), rest),
            "self" => return self.meaning(module, rest),
            "super" => {
                let parent = module.iter().take(module.len() - 1).cloned().collect();
                return self.meaning(&parent, rest);
            }
            _ => {}
        }
        let child = [module.clone(), vec![first.clone()]].concat();
        if self.0.contains_key(&child) {
            return self.meaning(&child, rest);
        }
        for item in self.items(module) {
            if rest.is_empty() && name(item).is_some_and(|name| name == *first) {
                return Meaning::Here(module.clone(), item);
            }
            if let Item::Use(used) = item {
                for (named, target) in leaves(&used.tree) {
                    if named == *first && target != path {
                        let target = [target, rest.to_vec()].concat();
                        return self.meaning(module, &target);
                    }
                }
            }
        }
        Meaning::Elsewhere(path.join("::"))
    }
}

/// The names that a `use` brings, each with its path.
pub fn leaves(tree: &UseTree) -> Vec<(String, Vec<String>)> {
    match tree {
        UseTree::Path(path) => {
            let below = leaves(&path.tree).into_iter();
            let first = path.ident.to_string();
            below
                .map(|(name, rest)| match name.as_str() {
                    "self" => (first.clone(), vec![first.clone()]),
                    _ => (name, [vec![first.clone()], rest].concat()),
                })
                .collect()
        }
        UseTree::Name(name) => vec![(name.ident.to_string(), vec![name.ident.to_string()])],
        UseTree::Rename(new) => vec![(new.rename.to_string(), vec![new.ident.to_string()])],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Glob(_) => vec![("*".to_owned(), vec!["*".to_owned()])],
    }
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

pub fn name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(it) => it.ident.to_string(),
        Item::Enum(it) => it.ident.to_string(),
        Item::Fn(it) => it.sig.ident.to_string(),
        Item::Struct(it) => it.ident.to_string(),
        Item::Trait(it) => it.ident.to_string(),
        Item::Type(it) => it.ident.to_string(),
        _ => return None,
    })
}

pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether it is written for tests, or for another system than this list is of.
fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        let is_cfg = it.path().is_ident("cfg");
        is_cfg
            && it.meta.require_list().is_ok_and(|list| {
                let mut words = list
                    .tokens
                    .clone()
                    .into_iter()
                    .map(|token| token.to_string());
                words.any(|word| word == "test" || word == "windows")
            })
    })
}

/// The value of `#[path = "…"]`.
fn path_of(attributes: &[Attribute]) -> Option<PathBuf> {
    attributes.iter().find_map(|it| {
        let value = &it.meta.require_name_value().ok()?.value;
        match value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) if it.path().is_ident("path") => Some(text.value().into()),
            _ => None,
        }
    })
}
