//! The book's reference: written from the types, the command line and the reasons, so that it is never stale.
//!
//! `INSTA_UPDATE=always cargo test --test reference` writes the pages.

mod support;

use std::fmt::Write as _;
use std::fs;

use syn::{Arm, Attribute, Expr, Field, Fields, File, ImplItem, Item, Lit, Meta, Pat, Type, Visibility};

#[test]
fn the_command_line() {
    let mut page = String::from(
        "# The command line\n\nEvery subcommand, as `lvslab COMMAND --help` describes it. A SCENARIO is a file of yours, or the \
         name of one that comes along\n(`lvslab scenarios` lists them).\n",
    );
    let mut command = lvslab::cli::command().term_width(112).disable_help_subcommand(true);
    command.build();
    describe(&mut command, "lvslab", &mut page);
    support::assert_fresh("book/src/reference/command-line.md", &page);
}

/// The help of a command, and of those below it.
fn describe(command: &mut clap::Command, name: &str, page: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
    write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
    for below in command.get_subcommands_mut().filter(|below| !below.is_hide_set()) {
        let name = format!("{name} {}", below.get_name());
        describe(below, &name, page);
    }
}

#[test]
fn the_scenario_file() {
    let file = source("src/scenario/schema.rs");
    let mut page = String::from(
        "# The scenario file\n\nA scenario is a text in [RON](https://github.com/ron-rs/ron). `lvslab check FILE` says whether it is in \
         order, and\n`lvslab scenarios dr` prints one to begin with. The file is one `Scenario`: fields in parentheses, in any order; \
         maps in\nbraces, lists in brackets, comments behind `//`. Times are texts like \"1.5s\", \"200ms\" or \"50us\".\n",
    );
    for item in &file.items {
        match item {
            Item::Struct(it) if is_public(&it.vis) && it.generics.params.is_empty() => {
                write!(page, "\n## {}\n\n{}\n\n", it.ident, docs(&it.attrs)).unwrap();
                let named = it.fields.iter().filter(|field| field.ident.is_some());
                named.for_each(|field| page.push_str(&entry(field, has_default(&it.attrs), "")));
            }
            Item::Enum(it) if is_public(&it.vis) => {
                write!(page, "\n## {}\n\n{}\n\n", it.ident, docs(&it.attrs)).unwrap();
                for variant in &it.variants {
                    let inner: Vec<_> = variant.fields.iter().map(|field| kind(&field.ty)).collect();
                    let shape = match variant.fields {
                        Fields::Named(_) => "(...)".to_owned(),
                        Fields::Unnamed(_) => format!("({})", inner.join(", ")),
                        Fields::Unit => String::new(),
                    };
                    let name = if derives(&it.attrs, "Deserialize") {
                        format!("**`{}{shape}`**: ", variant.ident)
                    } else {
                        String::new()
                    };
                    writeln!(page, "- {name}{}", docs(&variant.attrs)).unwrap();
                    for field in variant.fields.iter().filter(|field| field.ident.is_some()) {
                        page.push_str(&entry(field, false, "  "));
                    }
                }
            }
            _ => {}
        }
    }
    support::assert_fresh("book/src/reference/scenario.md", &page);
}

/// A field: its name, what it takes, whether it may be left out, what it means.
fn entry(field: &Field, all_optional: bool, indent: &str) -> String {
    let renamed =
        serde_words(&field.attrs).find_map(|word| Some(word.strip_prefix("rename = ")?.trim_matches('"').to_owned()));
    let name = renamed.unwrap_or_else(|| field.ident.as_ref().expect("fields of the schema have names").to_string());
    let optional = all_optional || has_default(&field.attrs);
    let needed = if optional { "" } else { ", needed" };
    format!("{indent}- **`{name}`** ({}{needed}): {}\n", kind(&field.ty), docs(&field.attrs))
}

/// A type in a reader's words.
fn kind(ty: &Type) -> String {
    let Type::Path(path) = ty else { unreachable!("the schema has only named types") };
    let last = path.path.segments.last().expect("a path has a last segment");
    let inner = || match &last.arguments {
        syn::PathArguments::AngleBracketed(list) => match list.args.first() {
            Some(syn::GenericArgument::Type(ty)) => kind(ty),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match last.ident.to_string().as_str() {
        "String" => "text".into(),
        "bool" => "true or false".into(),
        "u16" | "u32" | "u64" | "usize" | "i32" => "number".into(),
        "f64" => "number with a point".into(),
        "Option" => inner(),
        "Vec" => format!("list of {}", inner()),
        "Entries" => format!("map of names to {}", inner()),
        other => format!("[{other}](#{})", other.to_lowercase()),
    }
}

#[test]
fn the_drop_reasons() {
    let names = source("src/reason/name.rs");
    let mut page = String::from(
        "# Why a frame ends\n\nWhat `lvslab trace SCENARIO drops` and `lvslab why` name. The names are the kernel's (`enum \
         skb_drop_reason`) where it has\none; elsewhere they are the counter or the function of Linux that stands for the drop.\n",
    );
    let parts = [
        ("Drop", "src/reason.rs", "At a machine"),
        ("IpDrop", "src/reason/ip.rs", "In IP"),
        ("IpvsDrop", "src/reason/ipvs.rs", "In IPVS"),
        ("TransportDrop", "src/reason/transport.rs", "In TCP and UDP"),
        ("Loss", "src/reason/loss.rs", "On a cable, or in a switch"),
    ];
    for (ty, path, title) in parts {
        write!(page, "\n## {title}\n\n").unwrap();
        let file = source(path);
        let variants = file.items.iter().find_map(|item| match item {
            Item::Enum(it) if it.ident == ty => Some(&it.variants),
            _ => None,
        });
        for variant in variants.unwrap_or_else(|| panic!("{path} has no enum {ty}")) {
            // What only leads to another of the lists is not a reason by itself.
            let leads = |field: &Field| matches!(&field.ty, Type::Path(it) if parts.iter().any(|(ty, ..)| it.path.is_ident(ty)));
            if variant.fields.iter().any(leads) {
                continue;
            }
            let names = kernel_names(&names, ty, &variant.ident.to_string());
            let names = if names.is_empty() { String::new() } else { format!(" (`{}`)", names.join("`, `")) };
            writeln!(page, "- **{}**{names}: {}", variant.ident, docs(&variant.attrs)).unwrap();
        }
    }
    support::assert_fresh("book/src/reference/drop-reasons.md", &page);
}

/// What `name()` of a type returns for a variant: the texts of the arms whose patterns name it, or of the arm for the rest.
fn kernel_names(file: &File, ty: &str, variant: &str) -> Vec<String> {
    let of_type = |item: &&syn::ItemImpl| matches!(&*item.self_ty, Type::Path(path) if path.path.is_ident(ty));
    let Some(block) =
        file.items.iter().filter_map(|item| if let Item::Impl(it) = item { Some(it) } else { None }).find(of_type)
    else {
        return Vec::new();
    };
    let Some(ImplItem::Fn(function)) = block.items.first() else { panic!("{ty} has no name()") };
    let Some(syn::Stmt::Expr(Expr::Match(arms), _)) = function.block.stmts.first() else {
        panic!("name() of {ty} is a match")
    };
    let text = |arm: &Arm| match &*arm.body {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    };
    let mut names: Vec<_> = arms.arms.iter().filter(|arm| mentions(&arm.pat, variant)).filter_map(text).collect();
    if names.is_empty() {
        names.extend(arms.arms.iter().filter(|arm| matches!(arm.pat, Pat::Wild(_))).filter_map(text));
    }
    names.dedup();
    names
}

/// Whether a pattern is of this variant, or has it among its alternatives.
fn mentions(pattern: &Pat, variant: &str) -> bool {
    let ends = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == variant);
    match pattern {
        Pat::Or(any) => any.cases.iter().any(|case| mentions(case, variant)),
        Pat::Path(path) => ends(&path.path),
        Pat::Struct(it) => ends(&it.path),
        Pat::TupleStruct(it) => ends(&it.path),
        _ => false,
    }
}

fn source(path: &str) -> File {
    syn::parse_file(&fs::read_to_string(support::project().join(path)).unwrap()).unwrap()
}

/// The text of doc comments, in one line a paragraph.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").replace("  ", "\n\n").replace('<', "&lt;")
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    lists.filter_map(|attribute| attribute.meta.require_list().ok()).any(|list| list.tokens.to_string().contains(name))
}

/// The words in `#[serde(...)]`.
fn serde_words(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    let tokens = lists.filter_map(|attribute| attribute.meta.require_list().ok()).map(|list| list.tokens.to_string());
    tokens.flat_map(|tokens| tokens.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>())
}

fn has_default(attributes: &[Attribute]) -> bool {
    serde_words(attributes).any(|word| word.starts_with("default"))
}
