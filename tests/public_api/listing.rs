//! What the library offers: one line for each item, in the words of its source.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, Type};

use crate::source::{Meaning, ModulePath, Source, attributes, is_public, leaves, name};

const HIDDEN: &str = "[hidden] ";

/// The lines, sorted.
pub fn listing(source: &Source) -> BTreeSet<String> {
    let mut listing = Listing {
        source,
        lines: BTreeSet::new(),
    };
    listing.module(&Vec::new(), "", "");
    listing.lines
}

struct Listing<'a> {
    source: &'a Source,
    lines: BTreeSet<String>,
}

impl Listing<'_> {
    /// Everything public in a module that is known as `public`; `marks` are its own.
    fn module(&mut self, module: &ModulePath, public: &str, marks: &str) {
        for item in self.source.items(module) {
            let marks = format!("{marks}{}", marks_of(attributes(item)));
            if marks.contains(HIDDEN) {
                continue;
            }
            match item {
                Item::Mod(it) if is_public(&it.vis) => {
                    let child = [module.clone(), vec![it.ident.to_string()]].concat();
                    let public = join(public, &it.ident.to_string());
                    self.lines.insert(format!("{marks}mod {public}"));
                    self.module(&child, &public, &marks);
                }
                Item::Use(it) if is_public(&it.vis) => {
                    for (name, target) in leaves(&it.tree) {
                        let public = join(public, &name);
                        match self.source.meaning(module, &target) {
                            Meaning::Here(home, item) => self.item(&home, item, &public, &marks),
                            Meaning::Module(home) => self.module(&home, &public, &marks),
                            Meaning::Elsewhere(path) => {
                                self.lines.insert(format!("{marks}use {public} = {path}"));
                            }
                        }
                    }
                }
                _ if visibility(item) => {
                    if let Some(name) = name(item) {
                        self.item(module, item, &join(public, &name), &marks);
                    }
                }
                _ => {}
            }
        }
    }

    fn item(&mut self, home: &ModulePath, item: &Item, public: &str, marks: &str) {
        let mut add = |text: TokenStream| {
            self.lines
                .insert(format!("{marks}{public}: {}", tidy(&text)));
        };
        match item {
            Item::Const(it) => {
                let (ident, ty) = (&it.ident, &it.ty);
                add(quote!(const #ident: #ty));
            }
            Item::Fn(it) => add(it.sig.to_token_stream()),
            Item::Type(it) => {
                let (generics, ty) = (&it.generics, &it.ty);
                add(quote!(type #generics = #ty));
            }
            Item::Struct(it) => {
                let (attrs, generics) = (kept(&it.attrs), &it.generics);
                add(quote!(#attrs struct #generics));
                let fields = it.fields.iter().enumerate();
                for (i, field) in fields.filter(|(_, field)| is_public(&field.vis)) {
                    let (name, ty) = (field_name(i, field), &field.ty);
                    add(quote!(.#name: #ty));
                }
                self.impls(home, &it.ident.to_string(), public, marks);
            }
            Item::Enum(it) => {
                let (attrs, generics) = (kept(&it.attrs), &it.generics);
                add(quote!(#attrs enum #generics));
                for variant in &it.variants {
                    let (ident, attrs) = (&variant.ident, kept(&variant.attrs));
                    let types = variant.fields.iter().enumerate().map(|(i, field)| {
                        let (name, ty) = (field_name(i, field), &field.ty);
                        if let Fields::Named(_) = variant.fields {
                            quote!(#name: #ty)
                        } else {
                            quote!(#ty)
                        }
                    });
                    add(quote!(#attrs ::#ident(#(#types),*)));
                }
                self.impls(home, &it.ident.to_string(), public, marks);
            }
            Item::Trait(it) => {
                let (generics, above) = (&it.generics, &it.supertraits);
                add(quote!(trait #generics: #above));
                for item in &it.items {
                    if let TraitItem::Fn(function) = item {
                        let sig = &function.sig;
                        let has_default = function.default.is_some().then(|| quote!({ .. }));
                        add(quote!(#sig #has_default));
                    }
                }
            }
            _ => panic!("{public} is of a kind that is not listed"),
        }
    }

    /// The methods and traits of a type, wherever in the library they are written.
    fn impls(&mut self, home: &ModulePath, ident: &str, public: &str, marks: &str) {
        let mut found = Vec::new();
        for (module, items) in self.source.modules() {
            for item in items {
                if let Item::Impl(it) = item
                    && self.is_of(module, &it.self_ty, home, ident)
                {
                    found.push((module, it));
                }
            }
        }
        for (module, it) in found {
            let marks = format!("{marks}{}", marks_of(&it.attrs));
            if marks.contains(HIDDEN) {
                continue;
            }
            self.lines.extend(
                self.one_impl(module, it)
                    .into_iter()
                    .map(|text| format!("{marks}{public}: {}", tidy(&text))),
            );
        }
    }

    fn one_impl(&self, module: &ModulePath, it: &ItemImpl) -> Vec<TokenStream> {
        if let Some((_, path, _)) = &it.trait_ {
            let words: Vec<_> = path
                .segments
                .iter()
                .map(|it| it.ident.to_string())
                .collect();
            let is_private = match self.source.meaning(module, &words) {
                Meaning::Here(_, item) => !visibility(item),
                _ => false,
            };
            let arguments = &path.segments.last().unwrap();
            return if is_private {
                Vec::new()
            } else {
                vec![quote!(impl #arguments)]
            };
        }
        let functions = it.items.iter().filter_map(|item| match item {
            ImplItem::Fn(it) if is_public(&it.vis) => {
                let marks = marks_of(&it.attrs);
                let hidden = marks.contains(HIDDEN);
                let marks: TokenStream = marks.parse().ok()?;
                let sig = &it.sig;
                (!hidden).then(|| quote!(#marks #sig))
            }
            ImplItem::Const(it) if is_public(&it.vis) => {
                let (ident, ty) = (&it.ident, &it.ty);
                Some(quote!(const #ident: #ty))
            }
            _ => None,
        });
        functions.collect()
    }

    fn is_of(&self, module: &ModulePath, ty: &Type, home: &ModulePath, ident: &str) -> bool {
        let Type::Path(path) = ty else { return false };
        let segments = path.path.segments.iter();
        let words: Vec<_> = segments.map(|it| it.ident.to_string()).collect();
        match self.source.meaning(module, &words) {
            Meaning::Here(found, item) => found == *home && name(item).as_deref() == Some(ident),
            _ => false,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}::{name}"),
    }
}

fn field_name(index: usize, field: &syn::Field) -> TokenStream {
    let index = syn::Index::from(index);
    let name = field.ident.as_ref().map(ToTokens::to_token_stream);
    name.unwrap_or_else(|| index.to_token_stream())
}

fn visibility(item: &Item) -> bool {
    match item {
        Item::Const(it) => is_public(&it.vis),
        Item::Enum(it) => is_public(&it.vis),
        Item::Fn(it) => is_public(&it.vis),
        Item::Struct(it) => is_public(&it.vis),
        Item::Trait(it) => is_public(&it.vis),
        Item::Type(it) => is_public(&it.vis),
        _ => false,
    }
}

/// The features that it needs, and whether it is hidden: that is not listed.
fn marks_of(attributes: &[Attribute]) -> String {
    let mut marks = String::new();
    for it in attributes {
        let text = it.meta.to_token_stream().to_string();
        if it.path().is_ident("cfg") && text.contains("feature") {
            let feature = text.split('"').nth(1).unwrap();
            marks.extend(["[", feature, "] "]);
        } else if text == "doc (hidden)" {
            marks += HIDDEN;
        }
    }
    marks
}

/// The attributes that a host depends on.
fn kept(attributes: &[Attribute]) -> TokenStream {
    let kept = attributes.iter().filter(|it| {
        ["derive", "non_exhaustive"]
            .iter()
            .any(|name| it.path().is_ident(name))
    });
    quote!(#(#kept)*)
}

/// Tokens as a person would write them, more or less.
fn tidy(tokens: &TokenStream) -> String {
    let mut text = tokens.to_string();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("& ", "&"),
        (" :", ":"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        ("# [", "#["),
        (". ", "."),
        (",)", ")"),
        ("- >", "->"),
        (")->", ") ->"),
    ] {
        text = text.replace(from, to);
    }
    text.trim().to_owned()
}
