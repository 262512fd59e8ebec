//! Faults and warnings of a configuration, worded for the operator. Nothing here finds them.

use std::fmt;

/// How strict a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// `check`: an unknown key is a fault.
    Check,
    /// `run`: an unknown key is a warning, since a rolled-back program must start with a newer
    /// file.
    Run,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key: `sensor "air_temperature".every`, `device.name`, `sensor[2].name` (counted from 1)
    /// where there is no name.
    pub key: String,
    /// The file, or the environment variable.
    pub file: String,
    /// Line in the file, from 1; of the key, or of its section where the key is missing.
    pub line: Option<usize>,
    /// Column of that line, in characters, from 1.
    pub column: Option<usize>,
    /// What was found.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
    /// That line of the file; `None` where it may hold a password.
    pub excerpt: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: found {}; allowed: {}", self.key, self.found, self.allowed)
    }
}

/// Something that is not wrong but probably not meant, or not used by this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// As in [`Fault`].
    pub key: String,
    /// As in [`Fault`].
    pub file: String,
    /// As in [`Fault`].
    pub line: Option<usize>,
    /// What it is, in a sentence.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.key, self.text)
    }
}

/// A configuration that cannot be used, with everything that is wrong in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    /// In the order of the file; at most `CONFIG_FAULTS_MAX`.
    pub faults: Vec<Fault>,
    /// How many faults there are beyond those listed.
    pub more: usize,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Warning>,
}

impl Faults {
    /// How many faults there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.faults.len() + self.more
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count();
        write!(f, "the configuration has {count} fault{}", if count == 1 { "" } else { "s" })?;
        for fault in &self.faults {
            write!(f, "\n{fault}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}
