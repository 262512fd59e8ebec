//! The book is true as far as a test can see: its table names every page, no link is dead, every
//! command line is one that this program takes, and every recipe passes the check.
#![allow(clippy::unwrap_used, reason = "a page that cannot be read must fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;
use crate::config::{self, Strictness};

/// Pages that are no part of the book: decisions and their reasons are for who builds it.
const APART: [&str; 1] = ["adr"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of docs/ with this ending, below folders too.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join("docs")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn pages() -> Vec<PathBuf> {
    let mut all = files("md");
    all.push(root().join("README.md"));
    all.push(root().join("ARCHITECTURE.md"));
    all
}

/// Targets of the links of a page, without those that lead out of the repository.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let parts: Vec<&str> = line.split("](").skip(1).filter(|_| !is_code).collect();
        found.extend(parts.iter().filter_map(|part| Some(part.split_once(')')?.0.to_owned())));
    }
    found.retain(|link| !link.contains("://") && !link.starts_with("mailto:"));
    found
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn no_link_is_dead() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (path, part) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_part = part.is_empty() || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                text.lines().any(|line| line.starts_with('#') && anchor(line) == part)
            };
            if !target.exists() || !has_part {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn the_table_of_the_book_names_every_page_once() {
    let summary = root().join("docs/SUMMARY.md");
    let listed = links(&fs::read_to_string(&summary).unwrap());
    let set: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "a page is listed twice");
    let docs = root().join("docs");
    let all = files("md").into_iter().filter(|path| *path != summary);
    let all = all.map(|path| path.strip_prefix(&docs).unwrap().to_string_lossy().into_owned());
    let all: BTreeSet<_> =
        all.filter(|path| !APART.iter().any(|apart| path.starts_with(apart))).collect();
    assert_eq!(set, all);
}

/// Words of a command line as a shell splits them.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The command of a line of a shell, where it is ours: without who runs it, where the program
/// lies, a remark, where its output goes.
fn ours(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.split(" # ").next()?.split(" > ").next()?.split(" | ").next()?;
    let line = line.replace(['[', ']'], "");
    let words = split(&line);
    let start = words.iter().position(|word| word == "outpost" || word.ends_with("/outpost"))?;
    let before = |word: &String| {
        ["sudo", "-u", "outpost", "env"].contains(&word.as_str()) || word.contains('=')
    };
    // `sudo -u outpost outpost log tail`: the program is the last of that name.
    let start = match words.get(start + 1) {
        Some(next) if next == "outpost" || next == "env" => {
            start + 1 + words[start + 1..].iter().position(|word| word == "outpost")?
        }
        _ => start,
    };
    words[..start].iter().all(before).then(|| words[start..].to_vec())
}

/// Command lines of a page: those of its blocks for a shell, and those within its text.
fn commands(text: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let (mut whole, mut named) = (Vec::new(), Vec::new());
    let mut block = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = if block.is_some() { None } else { Some(language.trim().to_owned()) };
        } else if let Some(language) = &block {
            if ["sh", "console"].contains(&language.as_str()) {
                whole.extend(ours(line));
            }
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            named.extend(spans.filter(|span| span.starts_with("outpost ")).filter_map(ours));
        }
    }
    (whole, named)
}

#[test]
fn every_command_line_in_the_documents_is_taken() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    // The alerts say which command to look with.
    for page in pages().into_iter().chain(files("yml")) {
        let (whole, named) = commands(&fs::read_to_string(&page).unwrap());
        for (words, is_whole) in
            whole.iter().map(|words| (words, true)).chain(named.iter().map(|words| (words, false)))
        {
            count += 1;
            // What stands for something may be left open within a text, not in a block.
            let open = !is_whole && words.iter().any(|word| word == "…");
            let words = words.iter().filter(|word| *word != "…");
            let Err(error) = Cli::try_parse_from(words.clone()) else { continue };
            let fits = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !is_whole,
                ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                    let stands = |word: &String| {
                        word.starts_with('<') || word.chars().all(|c| c.is_ascii_uppercase())
                    };
                    open || !is_whole && words.clone().any(stands)
                }
                _ => false,
            };
            if !fits {
                let words: Vec<_> = words.map(String::as_str).collect();
                let error = error.to_string();
                let first = error.lines().next().unwrap_or("");
                wrong.push(format!("{}: {}: {first}", page.display(), words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} command lines were found");
}

#[test]
fn command_lines_are_found_and_read_as_a_shell_does() {
    let text = "```sh\n$ sudo -u outpost env A=b outpost log tail  # now\noutpost board > f\n\
        make demo\ntarget/release/outpost cmd ask 'turn on'\n```\n\
        a `outpost top` b `outposts` `outpost log …`";
    let (whole, named) = commands(text);
    let whole: Vec<_> = whole.iter().map(|words| words[1..].join("|")).collect();
    assert_eq!(whole, ["log|tail", "board", "cmd|ask|turn on"]);
    let named: Vec<_> = named.iter().map(|words| words[1..].join("|")).collect();
    assert_eq!(named, ["top", "log|…"]);
}

#[test]
fn every_recipe_passes_the_check() {
    let recipes = files("toml");
    assert!(recipes.len() >= 4, "{recipes:?}");
    let page = fs::read_to_string(root().join("docs/recipes.md")).unwrap();
    for recipe in recipes {
        let (config, warnings) = config::load(&recipe, Strictness::Check).unwrap_or_else(|error| {
            panic!("{}: {error}", recipe.display());
        });
        assert!(warnings.is_empty(), "{}: {warnings:?}", recipe.display());
        assert!(!config.goals.is_empty());
        let name = recipe.file_name().unwrap().to_string_lossy();
        assert!(page.contains(&format!("(recipes/{name})")), "{name}");
    }
}
