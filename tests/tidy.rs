//! Style that runs: what neither rustfmt nor clippy checks. Each rule is a function over one file's
//! text, tried on bad snippets below, so that the checker itself is known to bite.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file. A longer one holds more than one thing.
const FILE_LINES_MAX: usize = 600;
/// Lines of a function, from `fn` to its closing brace. A longer one does not fit on a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line of code: two files side by side.
const COLUMNS_MAX: usize = 100;
/// Bytes of a file in the repository. Larger things are fetched with their checksum.
const FILE_BYTES_MAX: u64 = 512 << 10;
/// An adapter that we trained: the only weights that are ours to commit.
const ADAPTER_BYTES_MAX: u64 = 12_000_000;
/// Lines above an `unsafe` in which its argument must stand.
const SAFETY_LINES: usize = 6;
/// Folders that are not ours, or not kept.
const SKIPPED: [&str; 5] = [".git", "target", "dist", ".venv", "proptest-regressions"];

/// A file of the repository.
struct Source {
    /// Path from the root, with `/`.
    path: String,
    text: String,
    /// Of a Rust file: the text without comments and the insides of strings. Else empty.
    code: String,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { blanked(&text) } else { String::new() };
        Self { path, text, code }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Code in a language that has lines and columns for people.
    fn is_code(&self) -> bool {
        let code = [".rs", ".sh", ".cpp", ".h", "Makefile", ".ci/run"];
        code.iter().any(|ending| self.path.ends_with(ending))
    }

    fn fault(&self, line: usize, what: impl AsRef<str>) -> String {
        format!("{}:{}: {}", self.path, line + 1, what.as_ref())
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository, in order.
fn sources() -> Vec<Source> {
    let mut folders = vec![root()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source::new(path, text));
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// The code of a Rust file with comments and the insides of strings blanked, line for line, so
/// that a word in them is not taken for code.
fn blanked(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let blank = |out: &mut String, from: usize, to: usize| {
        out.extend(bytes[from..to.min(bytes.len())].iter().map(|&c| match c {
            '\n' => '\n',
            _ => ' ',
        }));
    };
    while at < bytes.len() {
        let end = match bytes[at] {
            '/' if bytes.get(at + 1) == Some(&'/') => end_of_line(&bytes, at),
            '/' if bytes.get(at + 1) == Some(&'*') => end_of_comment(&bytes, at),
            '"' => end_of_string(&bytes, at),
            'r' if !follows_word(&bytes, at) => end_of_raw_string(&bytes, at).unwrap_or(at),
            '\'' => end_of_character(&bytes, at).unwrap_or(at),
            _ => at,
        };
        if end > at {
            blank(&mut out, at, end);
            at = end;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn follows_word(text: &[char], at: usize) -> bool {
    // `br"…"` is a string, `for"` does not exist.
    at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_') && text[at - 1] != 'b'
}

fn end_of_line(text: &[char], at: usize) -> usize {
    (at..text.len()).find(|&i| text[i] == '\n').unwrap_or(text.len())
}

fn end_of_comment(text: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i < text.len() {
        match (text[i], text.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

fn end_of_string(text: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < text.len() {
        match text[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

fn end_of_raw_string(text: &[char], at: usize) -> Option<usize> {
    let hashes = text[at + 1..].iter().take_while(|&&c| c == '#').count();
    let start = at + 1 + hashes;
    if text.get(start) != Some(&'"') {
        return None;
    }
    let closes = |i: &usize| {
        text[*i] == '"' && text[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    Some((start + 1..text.len()).find(closes).map_or(text.len(), |i| i + 1 + hashes))
}

/// `'x'` and `'\n'`, but not the lifetime `'a`.
fn end_of_character(text: &[char], at: usize) -> Option<usize> {
    if text.get(at + 1) == Some(&'\\') {
        return (at + 3..text.len().min(at + 14)).find(|&i| text[i] == '\'').map(|i| i + 1);
    }
    (text.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

/// Words of a line of code with the column where each begins.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The part of a file before its tests, which may spell what the code may not.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

fn file_length(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    if !file.is_code() || lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![file.fault(FILE_LINES_MAX, format!("{lines} lines; at most {FILE_LINES_MAX}"))]
}

fn line_length(file: &Source) -> Vec<String> {
    let long = |line: &&(usize, &str)| line.1.chars().count() > COLUMNS_MAX;
    let lines: Vec<_> = file.text.lines().enumerate().collect();
    let code = file.is_code();
    lines
        .iter()
        .filter(|line| code && long(line))
        .map(|(number, _)| file.fault(*number, format!("more than {COLUMNS_MAX} columns")))
        .collect()
}

fn function_length(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines: Vec<&str> = file.code.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        if !words(line).any(|word| word == "fn") {
            continue;
        }
        if let Some(end) = end_of_function(&lines, start)
            && end - start >= FUNCTION_LINES_MAX
        {
            let length = end - start + 1;
            let what = format!("a function of {length} lines; at most {FUNCTION_LINES_MAX}");
            faults.push(file.fault(start, what));
        }
    }
    faults
}

/// The line of the closing brace; `None` for a declaration or a function type.
fn end_of_function(lines: &[&str], start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let skip = lines[start].find("fn")?;
    for (number, line) in lines.iter().enumerate().skip(start) {
        let from = if number == start { skip } else { 0 };
        for character in line[from..].chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 1 => return Some(number),
                '}' => depth -= 1,
                ';' if depth == 0 => return None,
                _ => {}
            }
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

fn module_begins_with_its_purpose(file: &Source) -> Vec<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let said = first.starts_with("//! ") && first.len() > "//! ".len() + 8;
    if file.is_rust() && !said {
        return vec![file.fault(0, "a module begins with //! and what lives there")];
    }
    Vec::new()
}

fn unsafe_only_behind_the_fence(file: &Source) -> Vec<String> {
    let fence = ["vendor/ggml-sys/", "src/mind/ggml.rs", "src/mind/ggml/"];
    let inside = fence.iter().any(|place| file.path.starts_with(place));
    let mut faults = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    for (number, line) in file.code.lines().enumerate() {
        if !words(line).any(|word| word == "unsafe") {
            continue;
        }
        if !inside {
            faults.push(file.fault(number, "unsafe outside vendor/ggml-sys and src/mind/ggml"));
        }
        // A declaration is argued for by its callers; clippy wants `# Safety` of public ones.
        if line.contains("unsafe fn") || line.contains("unsafe extern") {
            continue;
        }
        let above = &lines[number.saturating_sub(SAFETY_LINES)..=number];
        if !above.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
            faults.push(file.fault(number, "unsafe without its // SAFETY: argument"));
        }
    }
    faults
}

fn nothing_left_open(file: &Source) -> Vec<String> {
    let marks = [
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("HA", "CK:"),
        concat!("TO", "DO"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
    ];
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate().filter(|_| file.is_code()) {
        for mark in marks.iter().filter(|mark| line.contains(**mark)) {
            faults.push(file.fault(number, format!("{mark} is left open")));
        }
    }
    faults
}

fn topics_are_spelled_in_one_place(file: &Source) -> Vec<String> {
    let inside = file.path.starts_with("src/") && file.is_rust();
    if !inside || file.path == "src/link/topics.rs" || file.path.ends_with("tests.rs") {
        return Vec::new();
    }
    let spelled = concat!("\"outpost", "/");
    without_tests(&file.text)
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(spelled))
        .map(|(number, _)| file.fault(number, "a topic; src/link/topics.rs builds them"))
        .collect()
}

fn no_place_of_one_machine(file: &Source) -> Vec<String> {
    let places = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("static.crates", ".io"),
        concat!("index.crates", ".io"),
        concat!("deb.deb", "ian.org"),
        concat!("registry.npm", "js"),
        concat!("arti", "factory"),
    ];
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for place in places.iter().filter(|place| line.contains(**place)) {
            faults.push(file.fault(number, format!("\"{place}\" is of one machine or registry")));
        }
    }
    faults
}

fn whole_lines(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            faults.push(file.fault(number, "blanks at the end of the line"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        faults.push(file.fault(file.text.lines().count(), "no newline at the end"));
    }
    faults
}

fn dependencies_have_a_reason(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut inside = false;
    let mut above = "";
    for (number, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            // A remark above a section with a reason of its own holds for all of it.
            let whole = above.starts_with("# ") && line.contains("[target.");
            inside = line.contains("dependencies]") && !whole;
        }
        let entry = inside && line.contains(" = ") && !line.starts_with('#');
        let said = line.contains(" # ") || above.starts_with("# ");
        if file.path.ends_with("Cargo.toml") && entry && !said {
            faults.push(file.fault(number, "a dependency without its reason (# …)"));
        }
        above = line;
    }
    faults
}

type Rule = fn(&Source) -> Vec<String>;

const RULES: [Rule; 10] = [
    file_length,
    line_length,
    function_length,
    module_begins_with_its_purpose,
    unsafe_only_behind_the_fence,
    nothing_left_open,
    topics_are_spelled_in_one_place,
    no_place_of_one_machine,
    whole_lines,
    dependencies_have_a_reason,
];

/// Source files that no `mod` names: nobody compiles them.
fn dead_modules(files: &[Source]) -> Vec<String> {
    let ours = |file: &&Source| file.path.starts_with("src/") && file.is_rust();
    let all: String = files.iter().filter(ours).map(|file| file.text.as_str()).collect();
    let mut faults = Vec::new();
    for file in files.iter().filter(ours) {
        let path = Path::new(&file.path);
        let name = path.file_name().unwrap().to_string_lossy();
        let stem = match path.file_stem().unwrap().to_string_lossy().into_owned() {
            stem if stem == "mod" => {
                path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned()
            }
            stem => stem,
        };
        let entry = ["src/lib.rs", "src/main.rs"].contains(&file.path.as_str())
            || file.path.starts_with("src/bin/");
        let named =
            all.contains(&format!("mod {stem};")) || all.contains(&format!("#[path = \"{name}\"]"));
        if !entry && !named {
            faults.push(file.fault(0, "no module names this file"));
        }
    }
    faults
}

/// Decisions are numbered, each number once, and say when and whether they hold.
fn decisions(files: &[Source]) -> Vec<String> {
    let mut numbers: BTreeMap<String, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("docs/adr/")) {
        let name = file.path.trim_start_matches("docs/adr/");
        let (number, rest) = name.split_once('-').unwrap_or((name, ""));
        let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !rest.ends_with(".md") {
            faults.push(file.fault(0, "a decision is called NNNN-what-it-is-about.md"));
            continue;
        }
        if let Some(other) = numbers.insert(number.into(), &file.path) {
            faults.push(file.fault(0, format!("has the number of {other}")));
        }
        for word in ["Date: ", "Status: "] {
            if !file.text.lines().any(|line| line.starts_with(word)) {
                faults.push(file.fault(0, format!("has no line \"{word}…\"")));
            }
        }
    }
    faults
}

#[test]
fn the_repository_is_tidy() {
    let files = sources();
    assert!(files.len() > 20, "only {} files were found", files.len());
    let mut faults: Vec<String> =
        files.iter().flat_map(|file| RULES.iter().flat_map(move |rule| rule(file))).collect();
    faults.extend(dead_modules(&files));
    faults.extend(decisions(&files));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_repository_has_no_large_files() {
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            let facts = entry.metadata().unwrap();
            if facts.is_dir() && !skipped {
                folders.push(entry.path());
            } else if facts.is_file() {
                let size = facts.len();
                let most = if folder.ends_with("models/adapters") {
                    ADAPTER_BYTES_MAX
                } else {
                    FILE_BYTES_MAX
                };
                assert!(size <= most, "{}: {size} bytes", entry.path().display());
            }
        }
    }
}

fn source(path: &str, text: &str) -> Source {
    Source::new(path.into(), text.into())
}

/// Whether a rule finds a fault in this text.
fn bites(rule: Rule, path: &str, text: &str) -> bool {
    !rule(&source(path, text)).is_empty()
}

#[test]
fn every_rule_bites_a_bad_snippet_and_leaves_a_good_one() {
    let long_function = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_LINES_MAX));
    let short_function = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_LINES_MAX - 2));
    let cases: &[(Rule, &str, &str, &str)] = &[
        (file_length, "a.rs", &"x\n".repeat(FILE_LINES_MAX + 1), &"x\n".repeat(FILE_LINES_MAX)),
        (line_length, "a.rs", &"é".repeat(COLUMNS_MAX + 1), &"é".repeat(COLUMNS_MAX)),
        (function_length, "a.rs", &long_function, &short_function),
        (module_begins_with_its_purpose, "a.rs", "use a;\n", "//! Where the pumps live.\n"),
        (unsafe_only_behind_the_fence, "src/a.rs", "// SAFETY: x\nunsafe {}\n", "\"unsafe\"\n"),
        (
            unsafe_only_behind_the_fence,
            "src/mind/ggml.rs",
            "unsafe {}\n",
            "// SAFETY: the pointer lives in this frame.\nunsafe {}\n",
        ),
        (nothing_left_open, "a.rs", concat!("// FIX", "ME later\n"), "// fixed\n"),
        (nothing_left_open, "a.rs", concat!("#[ig", "nore]\n"), "#[test]\n"),
        (
            topics_are_spelled_in_one_place,
            "src/a.rs",
            concat!("f(\"outpost", "/x/status\")\n"),
            concat!("#[cfg(test)]\nmod tests {\n f(\"outpost", "/x\")\n}\n"),
        ),
        (no_place_of_one_machine, "README.md", concat!("cd /ho", "me/me\n"), "cd ~\n"),
        (no_place_of_one_machine, "a.toml", concat!("pypi", ".org\n"), "PyPI\n"),
        (whole_lines, "a.md", "a \n", "a\n"),
        (whole_lines, "a.md", "a", ""),
        (
            dependencies_have_a_reason,
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n",
            "[dependencies]\na = \"1\" # to do b\n[profile.dev]\ndebug = 1\n",
        ),
    ];
    for (number, (rule, path, bad, good)) in cases.iter().enumerate() {
        assert!(bites(*rule, path, bad), "case {number} finds nothing in:\n{bad}");
        assert!(!bites(*rule, path, good), "case {number} finds a fault in:\n{good}");
    }
}

#[test]
fn dead_files_and_doubled_decisions_are_found() {
    let lib = source("src/lib.rs", "pub mod a;\n");
    let files = [lib, source("src/a.rs", ""), source("src/b/mod.rs", ""), source("src/c.rs", "")];
    let faults = dead_modules(&files);
    assert_eq!(faults.len(), 2, "{faults:?}");
    let text = "Date: 2026-01-01\nStatus: accepted\n";
    let files = [
        source("docs/adr/0001-a.md", text),
        source("docs/adr/0001-b.md", text),
        source("docs/adr/2-c.md", text),
        source("docs/adr/0003-d.md", "Date: 2026-01-01\n"),
    ];
    let faults = decisions(&files);
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn comments_and_strings_are_not_code() {
    let cases = [
        ("a // unsafe\nb", "a          \nb"),
        ("/* a /* b */ c */d", "                 d"),
        ("f(\"a\\\"b\")", "f(      )"),
        ("r#\"a\"b\"#;", "        ;"),
        ("'x' 'a: '\\n' b", "    'a:      b"),
        ("br\"x\" for", "b     for"),
    ];
    for (text, code) in cases {
        assert_eq!(blanked(text), code, "{text}");
    }
}

#[test]
fn a_function_ends_where_its_brace_does() {
    let text = "impl A {\nfn a(&self) -> B {\n if x {\n }\n}\nfn b();\ntype F = fn(u8);\n}\n";
    let code = blanked(text);
    let lines: Vec<&str> = code.lines().collect();
    assert_eq!(end_of_function(&lines, 1), Some(4));
    assert_eq!(end_of_function(&lines, 5), None);
    assert_eq!(end_of_function(&lines, 6), None);
}
