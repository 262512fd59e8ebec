//! Where the configuration comes from: built-in defaults, the board's profile, the file, the
//! environment (design §4), the others merged by the `config` crate in this order. The only I/O is
//! reading the file, the process's environment, and which board this is.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Source as _};

use super::check::{ENVIRONMENT_PREFIX, check};
use super::checked::Config;
use super::fault::{Fault, Faults, Strictness, Warning};
use super::raw::{Node, Origin, Raw, Table};
use super::source::{Source, place_in};
use crate::board::{Profile, Profiles, Root, recognise};
use crate::limits::CONFIG_BYTES_MAX;

/// The file that is read where `--config` names none.
pub const DEFAULT_PATH: &str = "/etc/outpost/outpost.toml";

/// The first layer.
const DEFAULTS: &str = include_str!("defaults.toml");

/// The sections that are lists; no environment variable can name one of their elements.
const LISTS: [&str; 8] =
    ["sensor", "actuator", "goal", "rule", "interlock", "note", "preference", "cloud"];

/// A configuration that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there or cannot be read; name another or mend its rights.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was read and is wrong; each fault says what is allowed.
    #[error(transparent)]
    Faults(#[from] Faults),
}

/// Loads and checks a configuration file with the process's environment above it, on the board
/// that this machine is.
///
/// # Errors
/// [`LoadError::Read`] or [`LoadError::Faults`].
pub fn load(path: &Path, strictness: Strictness) -> Result<(Config, Vec<Warning>), LoadError> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let auto = recognise(&Root::of_environment()).profile;
    Ok(from_bytes_on(&read(path)?, &path.display().to_string(), &variables, strictness, auto)?)
}

/// As [`load`], with environment variables that are not the process's, and on a PC.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    variables: &[(String, String)],
    strictness: Strictness,
) -> Result<(Config, Vec<Warning>), LoadError> {
    Ok(from_bytes(&read(path)?, &path.display().to_string(), variables, strictness)?)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

/// Checks the bytes of a configuration file, on a PC; `file` is its name in faults.
///
/// # Errors
/// [`Faults`].
pub fn from_bytes(
    bytes: &[u8],
    file: &str,
    variables: &[(String, String)],
    strictness: Strictness,
) -> Result<(Config, Vec<Warning>), Faults> {
    from_bytes_on(bytes, file, variables, strictness, Profiles::embedded().host())
}

fn from_bytes_on(
    bytes: &[u8],
    file: &str,
    variables: &[(String, String)],
    strictness: Strictness,
    auto: &'static Profile,
) -> Result<(Config, Vec<Warning>), Faults> {
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        let found = format!("more than {CONFIG_BYTES_MAX} bytes");
        return Err(only(whole(file, found, format!("at most {CONFIG_BYTES_MAX} bytes"))));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => from_text_on(text, file, variables, strictness, auto),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let good = std::str::from_utf8(good).unwrap_or_default();
            let place = place_in(good, good.len());
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            let mut fault = whole(file, format!("the byte 0x{byte:02x}"), "UTF-8 text".into());
            (fault.line, fault.column) = (place.line, place.column);
            Err(only(fault))
        }
    }
}

/// Checks the text of a configuration file, on a PC; `file` is its name in faults.
///
/// # Errors
/// [`Faults`].
pub fn from_text(
    text: &str,
    file: &str,
    variables: &[(String, String)],
    strictness: Strictness,
) -> Result<(Config, Vec<Warning>), Faults> {
    from_text_on(text, file, variables, strictness, Profiles::embedded().host())
}

/// As [`from_text`], on a board: what `board = "auto"` means.
///
/// # Errors
/// [`Faults`].
pub fn from_text_on(
    text: &str,
    file: &str,
    variables: &[(String, String)],
    strictness: Strictness,
    auto: &'static Profile,
) -> Result<(Config, Vec<Warning>), Faults> {
    let source =
        Source::parse(file, text).map_err(|faults| Faults { faults, ..Faults::default() })?;
    let (variables, early) = usable(variables);
    match merged(text, variables) {
        Ok(mut root) => {
            let board = chosen(&root, auto);
            lay_under(&mut root, board);
            check(&root, &source, strictness, early, board)
        }
        Err(error) => {
            Err(only(whole(file, format!("layers that do not fit: {error}"), "TOML".into())))
        }
    }
}

/// The profile that `[device] board` names; `auto` where it names none that we know.
fn chosen(root: &Table, auto: &'static Profile) -> &'static Profile {
    let Some(Raw::Table(device)) = root.get("device").map(|node| &node.raw) else { return auto };
    match device.get("board").map(|node| &node.raw) {
        Some(Raw::Text(name)) => Profiles::embedded().find(name).unwrap_or(auto),
        _ => auto,
    }
}

/// The board's layer: what neither the file nor the environment says. It sets keys of `[mind]`
/// only, where there is a `[mind]`: whether there is one is not for the board to say. The built-in
/// layer below has none of these keys, so that to fill what is missing is to lay it under.
fn lay_under(root: &mut Table, board: &Profile) {
    let Some(Raw::Table(mind)) = root.get_mut("mind").map(|node| &mut node.raw) else { return };
    let threads = |count: Option<u16>| count.map(|count| Raw::Integer(count.into()));
    for (key, raw) in [
        ("model", Some(Raw::Text(board.mind.model.clone()))),
        ("context", Some(Raw::Integer(board.mind.context_tokens.into()))),
        ("threads_decode", threads(board.mind.threads_decode)),
        ("threads_prefill", threads(board.mind.threads_prefill)),
    ] {
        if let Some(raw) = raw {
            mind.entry(key.into()).or_insert(Node { raw, origin: Origin::File });
        }
    }
}

/// Our variables, and the faults of those that cannot be meant.
fn usable(variables: &[(String, String)]) -> (HashMap<String, String>, Vec<Fault>) {
    let mut ours = HashMap::new();
    let mut faults = Vec::new();
    for (name, value) in variables {
        let upper = name.to_ascii_uppercase();
        let Some(rest) = upper.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let steps: Vec<&str> = rest.split("__").collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let form = "OUTPOST__SECTION__KEY, such as OUTPOST__BUS__URL";
        if steps.iter().any(|step| step.is_empty() || !step.chars().all(plain)) || steps.len() < 2 {
            faults.push(whole(name, "a name that is no key".into(), form.into()));
        } else if LISTS.contains(&steps[0].to_ascii_lowercase().as_str()) {
            let found = format!("a key of [[{}]]", steps[0].to_ascii_lowercase());
            let allowed = "a key of a section that exists once; lists are set in the file";
            faults.push(whole(name, found, allowed.into()));
        } else {
            ours.insert(upper, value.clone());
        }
    }
    faults.sort_by(|a, b| a.file.cmp(&b.file));
    (ours, faults)
}

/// The layers, one above the other.
fn merged(text: &str, variables: HashMap<String, String>) -> Result<Table, config::ConfigError> {
    let environment = Environment::with_prefix("OUTPOST")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .source(Some(variables));
    let layers = config::Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build()?
        .collect()?;
    let mut root = Table::new();
    for (key, value) in &layers {
        if let Some(node) = Node::from_value(value) {
            root.insert(key.clone(), node);
        }
    }
    Ok(root)
}

/// A fault of the whole file or of a variable.
fn whole(file: &str, found: String, allowed: String) -> Fault {
    Fault {
        key: "the configuration".into(),
        file: file.into(),
        line: None,
        column: None,
        found,
        allowed,
        excerpt: None,
    }
}

fn only(fault: Fault) -> Faults {
    Faults { faults: vec![fault], ..Faults::default() }
}
