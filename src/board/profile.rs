//! Board profiles: read from the files of `boards/` that are embedded in the binary, inherited and
//! checked into types that cannot be wrong. No I/O, and nothing about the machine that runs this.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use super::raw::{Raw, RawBandwidth};
use crate::limits;
use crate::mind::catalog::Catalog;

/// The files, by the name of their profile.
const FILES: [(&str, &str); 9] = [
    ("base", include_str!("../../boards/base.toml")),
    ("generic-aarch64", include_str!("../../boards/generic-aarch64.toml")),
    ("host", include_str!("../../boards/host.toml")),
    ("jetson-nano", include_str!("../../boards/jetson-nano.toml")),
    ("jetson-orin-nano", include_str!("../../boards/jetson-orin-nano.toml")),
    ("rpi-zero-2w", include_str!("../../boards/rpi-zero-2w.toml")),
    ("rpi3", include_str!("../../boards/rpi3.toml")),
    ("rpi4", include_str!("../../boards/rpi4.toml")),
    ("rpi5", include_str!("../../boards/rpi5.toml")),
];

/// A profile that cannot be used; the build's tests find it, not the operator.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("board profile {profile}: {what}")]
pub struct ProfileError {
    /// Which.
    pub profile: String,
    /// The key, what was found and what is allowed.
    pub what: String,
}

/// What is known of a kind of board.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The word of `[device] board`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Beginnings of `/proc/device-tree/model`, at a word's end.
    pub models: Vec<String>,
    /// Entries of `/proc/device-tree/compatible`.
    pub compatible: Vec<String>,
    /// Name of the core, such as `Cortex-A76`.
    pub core: Option<String>,
    /// `GGML_CPU_ARM_ARCH` of the build that fits.
    pub arm_arch: Option<String>,
    /// Rust's `target-cpu`.
    pub target_cpu: Option<String>,
    /// Memory, where a figure is known.
    pub bandwidth: Option<Bandwidth>,
    /// Sizes that are sold, in bytes.
    pub memory_bytes: Vec<u64>,
    /// Defaults of `[mind]`.
    pub mind: MindDefaults,
    /// Which thermal zones count.
    pub thermal: Thermal,
    /// When the mind takes less.
    pub limits: Limits,
    /// Serial devices of the board.
    pub serial_ports: Vec<String>,
}

/// How fast the memory is.
#[derive(Clone, Debug, PartialEq)]
pub struct Bandwidth {
    /// 10^9 bytes a second.
    pub gb_s: f64,
    /// What kind of figure.
    pub kind: BandwidthKind,
    /// Whose figure.
    pub source: String,
}

/// Kinds of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandwidthKind {
    /// Somebody measured it on the board.
    Measured,
    /// The data sheet's; programs reach less.
    Peak,
}

impl BandwidthKind {
    /// The word of the profile.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            BandwidthKind::Measured => "measured",
            BandwidthKind::Peak => "peak",
        }
    }
}

/// Defaults of `[mind]` on this board.
#[derive(Clone, Debug, PartialEq)]
pub struct MindDefaults {
    /// An id of the catalogue.
    pub model: String,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Threads for one token; `None`: by the number of cores.
    pub threads_decode: Option<u16>,
    /// Threads for many tokens; `None`: by the number of cores.
    pub threads_prefill: Option<u16>,
    /// Whether the weights may be in memory a second time, in the layout of the fastest kernels.
    pub repack: bool,
    /// What one token that is read costs on a virtual clock, where it was measured.
    pub token_cost: Option<Duration>,
}

/// Where the temperature is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Thermal {
    /// `type` of the zones that count.
    pub zones: Vec<String>,
}

/// From where on the mind takes less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Degrees Celsius.
    pub saving_c: f64,
    /// Degrees Celsius, above `saving_c`.
    pub reflex_only_c: f64,
    /// So many degrees below a limit it counts as over.
    pub clear_c: f64,
    /// Per cent of the memory that are available, or less.
    pub saving_available: f64,
    /// The same, below `saving_available`.
    pub reflex_only_available: f64,
    /// Per cent of the time in which some process waits for memory, or more.
    pub saving_some: f64,
    /// Per cent of the time in which all wait.
    pub reflex_only_full: f64,
    /// Bytes free where the journal lies, or less.
    pub saving_free_bytes: u64,
    /// Load of a minute for each core, or more.
    pub saving_load: f64,
}

/// All profiles.
#[derive(Debug)]
pub struct Profiles(BTreeMap<String, Profile>);

impl Profiles {
    /// Those in the binary.
    #[must_use]
    pub fn embedded() -> &'static Profiles {
        static PROFILES: LazyLock<Profiles> =
            LazyLock::new(|| Profiles::parse(&FILES).expect("a test reads the embedded profiles"));
        &PROFILES
    }

    /// Reads, inherits and checks profiles: pairs of name and text. `base` is no board.
    ///
    /// # Errors
    /// The first thing that is wrong, with the profile's name.
    pub fn parse(files: &[(&str, &str)]) -> Result<Profiles, ProfileError> {
        let mut raw = BTreeMap::new();
        for (name, text) in files {
            let parsed: Raw = toml::from_str(text).map_err(|error| fault(name, error))?;
            raw.insert((*name).to_owned(), parsed);
        }
        let mut profiles = BTreeMap::new();
        for name in raw.keys().filter(|name| *name != "base") {
            let profile =
                checked(name, inherited(name, &raw)?).map_err(|what| fault(name, what))?;
            profiles.insert(name.clone(), profile);
        }
        let profiles = Profiles(profiles);
        profiles.check_names()?;
        Ok(profiles)
    }

    /// The profile of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        self.0.values()
    }

    /// The profile of a machine about which nothing is known: a PC.
    #[must_use]
    pub fn host(&self) -> &Profile {
        self.0.get("host").expect("a test asks for it")
    }

    /// No two profiles may be recognised by the same words.
    fn check_names(&self) -> Result<(), ProfileError> {
        let mut owners = BTreeMap::new();
        for profile in self.all() {
            for word in profile.models.iter().chain(&profile.compatible) {
                if let Some(other) = owners.insert(word, &profile.name) {
                    let what = format!("\"{word}\" names the profile {other} too");
                    return Err(fault(&profile.name, what));
                }
            }
        }
        Ok(())
    }
}

fn fault(profile: &str, what: impl ToString) -> ProfileError {
    ProfileError { profile: profile.to_owned(), what: what.to_string() }
}

/// A profile with everything that its ancestors say.
fn inherited(name: &str, all: &BTreeMap<String, Raw>) -> Result<Raw, ProfileError> {
    let mut line = vec![name.to_owned()];
    let mut result = all.get(name).cloned().unwrap_or_default();
    let mut parent = result.inherits.clone();
    while let Some(next) = parent {
        if line.contains(&next) {
            return Err(fault(
                name,
                format!("inherits in a circle: {} > {next}", line.join(" > ")),
            ));
        }
        let Some(raw) = all.get(&next) else {
            let names: Vec<&str> = all.keys().map(String::as_str).collect();
            let what = format!("inherits: found \"{next}\"; allowed: {}", names.join(", "));
            return Err(fault(name, what));
        };
        result = result.over(raw);
        parent = raw.inherits.clone();
        line.push(next);
    }
    Ok(result)
}

/// The value of a key that every board must have, if only by inheritance.
fn needed<T>(key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{key}: found nothing, also not in what it inherits"))
}

fn within(key: &str, value: Option<f64>, low: f64, high: f64) -> Result<f64, String> {
    let value = needed(key, value)?;
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(format!("{key}: found {value}; allowed: {low} to {high}"))
}

fn bytes(key: &str, text: &str) -> Result<u64, String> {
    let form = || format!("{key}: found \"{text}\"; allowed: a size such as \"64MB\"");
    crate::config::size(text).filter(|bytes| *bytes > 0).ok_or_else(form)
}

fn checked(name: &str, raw: Raw) -> Result<Profile, String> {
    let limits = checked_limits(&raw)?;
    let sizes = raw.memory.sizes.unwrap_or_default();
    let memory: Result<Vec<u64>, String> =
        sizes.iter().map(|size| bytes("memory.sizes", size)).collect();
    let zones = needed("thermal.zones", raw.thermal.zones)?;
    let ports = needed("serial.ports", raw.serial.ports)?;
    if let Some(port) = ports.iter().find(|port| !port.starts_with("/dev/")) {
        return Err(format!("serial.ports: found \"{port}\"; allowed: a path below /dev"));
    }
    if let Some(arch) = raw.arm_arch.as_ref().filter(|arch| !arch.starts_with("armv8")) {
        return Err(format!("arm_arch: found \"{arch}\"; allowed: armv8-a and what follows it"));
    }
    Ok(Profile {
        name: name.to_owned(),
        title: needed("title", raw.title)?,
        models: raw.model.unwrap_or_default(),
        compatible: raw.compatible.unwrap_or_default(),
        core: raw.core,
        arm_arch: raw.arm_arch,
        target_cpu: raw.target_cpu,
        bandwidth: raw.bandwidth.map(checked_bandwidth).transpose()?,
        memory_bytes: memory?,
        mind: checked_mind(raw.mind)?,
        thermal: Thermal { zones },
        limits,
        serial_ports: ports,
    })
}

fn checked_bandwidth(raw: RawBandwidth) -> Result<Bandwidth, String> {
    let kind = match raw.kind.as_str() {
        "measured" => BandwidthKind::Measured,
        "peak" => BandwidthKind::Peak,
        other => return Err(format!("bandwidth.kind: found \"{other}\"; allowed: measured, peak")),
    };
    if raw.source.trim().is_empty() {
        return Err("bandwidth.source: found nothing; allowed: whose figure it is".into());
    }
    let gb_s = within("bandwidth.gb_s", Some(raw.gb_s), 0.1, 10_000.0)?;
    Ok(Bandwidth { gb_s, kind, source: raw.source })
}

fn checked_mind(raw: super::raw::RawMind) -> Result<MindDefaults, String> {
    let model = needed("mind.model", raw.model)?;
    if Catalog::embedded().find(&model).is_none() {
        return Err(format!("mind.model: found \"{model}\", which the catalogue does not have"));
    }
    let context_tokens = needed("mind.context", raw.context)?;
    let allowed = limits::MIND_CONTEXT_TOKENS_MIN..=limits::MIND_CONTEXT_TOKENS_MAX;
    if !allowed.contains(&context_tokens) {
        return Err(format!("mind.context: found {context_tokens}; allowed: {allowed:?}"));
    }
    for threads in [raw.threads_decode, raw.threads_prefill].into_iter().flatten() {
        if threads == 0 || threads > limits::MIND_THREADS_MAX {
            let most = limits::MIND_THREADS_MAX;
            return Err(format!("mind.threads: found {threads}; allowed: 1 to {most}"));
        }
    }
    if raw.token_cost_us.is_some() != raw.token_cost_source.is_some() {
        return Err("mind.token_cost_us and token_cost_source: both or neither".into());
    }
    Ok(MindDefaults {
        model,
        context_tokens,
        repack: raw.repack.unwrap_or(true),
        threads_decode: raw.threads_decode,
        threads_prefill: raw.threads_prefill,
        token_cost: raw.token_cost_us.map(Duration::from_micros),
    })
}

fn checked_limits(raw: &Raw) -> Result<Limits, String> {
    let (thermal, memory) = (&raw.thermal, &raw.memory);
    let free = needed("disk.saving_free", raw.disk.saving_free.as_ref())?;
    let limits = Limits {
        saving_c: within("thermal.saving_c", thermal.saving_c, 30.0, 110.0)?,
        reflex_only_c: within("thermal.reflex_only_c", thermal.reflex_only_c, 30.0, 110.0)?,
        clear_c: within("thermal.clear_c", thermal.clear_c, 1.0, 20.0)?,
        saving_available: within("memory.saving_available", memory.saving_available, 0.0, 50.0)?,
        reflex_only_available: within(
            "memory.reflex_only_available",
            memory.reflex_only_available,
            0.0,
            50.0,
        )?,
        saving_some: within("memory.saving_some", memory.saving_some, 1.0, 100.0)?,
        reflex_only_full: within("memory.reflex_only_full", memory.reflex_only_full, 1.0, 100.0)?,
        saving_free_bytes: bytes("disk.saving_free", free)?,
        saving_load: within("load.saving_per_core", raw.load.saving_per_core, 0.5, 100.0)?,
    };
    if limits.saving_c >= limits.reflex_only_c {
        return Err("thermal.saving_c must lie below thermal.reflex_only_c".into());
    }
    if limits.saving_available <= limits.reflex_only_available {
        return Err("memory.saving_available must lie above reflex_only_available".into());
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: (&str, &str) = FILES[0];

    fn broken(name: &str, text: &str) -> String {
        Profiles::parse(&[BASE, (name, text)]).expect_err("a fault").to_string()
    }

    #[test]
    fn every_file_of_the_folder_is_embedded_and_sound() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("boards/")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
            .collect();
        names.sort();
        assert_eq!(names, FILES.map(|(name, _)| name));
        let profiles = Profiles::parse(&FILES).expect("every file is sound");
        assert_eq!(profiles.all().count(), FILES.len() - 1);
        assert_eq!(profiles.host().name, "host");
        for profile in profiles.all() {
            let board = !profile.models.is_empty();
            assert_eq!(board, profile.core.is_some(), "{}: a board has a core", profile.name);
            assert_eq!(board, profile.bandwidth.is_some(), "{}", profile.name);
            assert_eq!(board, !profile.memory_bytes.is_empty(), "{}", profile.name);
            assert_eq!(profile.arm_arch.is_some(), profile.name != "host", "{}", profile.name);
        }
    }

    #[test]
    fn a_child_takes_what_it_does_not_say() {
        let profiles = Profiles::embedded();
        let (three, zero) = (profiles.find("rpi3"), profiles.find("rpi-zero-2w"));
        let (three, zero) = (three.expect("rpi3"), zero.expect("rpi-zero-2w"));
        assert_eq!(three.thermal, zero.thermal);
        assert_eq!(three.mind.threads_decode, Some(3));
        assert_eq!((zero.mind.context_tokens, three.mind.context_tokens), (1024, 2048));
        assert_ne!(three.models, zero.models);
        let five = profiles.find("rpi5").expect("rpi5");
        assert_eq!((five.mind.threads_decode, five.mind.threads_prefill), (Some(2), Some(4)));
        assert_eq!(five.mind.token_cost, Some(Duration::from_micros(3450)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let head = "inherits = \"base\"\ntitle = \"t\"\n";
        for (text, part) in [
            ("inherits = \"base\"\n", "title: found nothing"),
            ("inherits = \"moon\"\n", "found \"moon\"; allowed: base, x"),
            ("inherits = \"x\"\n", "in a circle: x > x"),
            ("title = \"t\"\n", "found nothing"),
            (&format!("{head}colour = 1\n"), "unknown field `colour`"),
            (&format!("{head}[mind]\nthreads = 1\n"), "unknown field `threads`"),
            (&format!("{head}[mind]\nthreads_decode = 0\n"), "found 0; allowed: 1 to"),
            (&format!("{head}[mind]\nmodel = \"gpt\"\n"), "found \"gpt\""),
            (&format!("{head}[mind]\ntoken_cost_us = 1\n"), "both or neither"),
            (&format!("{head}[thermal]\nsaving_c = 95\n"), "must lie below"),
            (&format!("{head}[thermal]\nclear_c = 0\n"), "clear_c: found 0; allowed: 1 to 20"),
            (&format!("{head}[memory]\nsizes = [\"much\"]\n"), "found \"much\""),
            (&format!("{head}[serial]\nports = [\"COM1\"]\n"), "found \"COM1\""),
            (
                &format!("{head}[bandwidth]\ngb_s = 1\nkind = \"felt\"\nsource = \"x\"\n"),
                "found \"felt\"",
            ),
            (&format!("{head}[bandwidth]\ngb_s = 1\nkind = \"peak\"\nsource = \" \"\n"), "whose"),
        ] {
            let said = broken("x", text);
            assert!(said.contains(part), "{text}\n{said}\nhas no {part}");
        }
    }

    #[test]
    fn a_circle_of_two_and_a_name_of_two_are_refused() {
        let two = [BASE, ("a", "inherits = \"b\"\n"), ("b", "inherits = \"a\"\n")];
        let said = Profiles::parse(&two).expect_err("a circle").to_string();
        assert!(said.contains("a > b > a"), "{said}");
        let text = "inherits = \"base\"\ntitle = \"t\"\nmodel = [\"Board 1\"]\n";
        let said = Profiles::parse(&[BASE, ("a", text), ("b", text)]).expect_err("two").to_string();
        assert!(said.contains("\"Board 1\" names the profile a too"), "{said}");
    }
}
