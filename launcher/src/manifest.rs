//! What a release says of itself: `release.json`, with every file of it. A board takes all of them
//! or none.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::limits;

/// The file in a slot, and in a release's folder, that lists all others.
pub const FILE: &str = "release.json";

/// The name of a release or of a file in it: letters, digits, `.`, `_`, `+` and `-`, not beginning
/// with a dot, so that it is a part of a path and never a way out of its folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let most = limits::NAME_CHARS_MAX;
        if text.is_empty()
            || text.len() > most
            || text.starts_with('.')
            || !text.chars().all(allowed)
        {
            let found: String = text.chars().take(most).collect();
            return Err(format!(
                "{found:?} is no name: 1 to {most} letters, digits, '.', '_', '+', '-', and no \
                 dot at the beginning"
            ));
        }
        Ok(Name(text))
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Name::try_from(text.to_owned())
    }
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the slot.
    pub name: Name,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// What must be there before a release is taken. The agent looks; the launcher does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Boards it is for, by the names of their profiles; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boards: Vec<String>,
    /// The least version of the program that takes it; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Models that the board has, by their ids or paths: an adapter is of no use without its base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl Needs {
    fn is_nothing(&self) -> bool {
        *self == Needs::default()
    }
}

/// `release.json`. Unknown keys are for newer programs and are left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The release's id: the same id is the same release, everywhere and always.
    pub release: Name,
    /// The name of the file that is started.
    pub program: Name,
    /// Processors it is built for, as `uname -m` calls them; empty: any.
    #[serde(default)]
    pub architectures: Vec<String>,
    /// What must be there.
    #[serde(default, skip_serializing_if = "Needs::is_nothing")]
    pub needs: Needs,
    /// All files, the program among them.
    pub files: Vec<Part>,
}

/// What is wrong with a manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It is no JSON of this form.
    #[error("release.json cannot be read: {0}")]
    Unreadable(serde_json::Error),
    /// It says something that cannot be.
    #[error("release.json: {0}")]
    Wrong(String),
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// What is wrong with it, by its key.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() as u64 > limits::MANIFEST_BYTES_MAX {
            let most = limits::MANIFEST_BYTES_MAX;
            let text = format!("{} bytes; at most {most}", bytes.len());
            return Err(ManifestError::Wrong(text));
        }
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(ManifestError::Unreadable)?;
        manifest.check().map_err(ManifestError::Wrong)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let (count, most) = (self.files.len(), limits::RELEASE_FILES_MAX);
        if count > most {
            return Err(format!("files: {count}; at most {most}"));
        }
        for (number, file) in self.files.iter().enumerate() {
            let digits = file.sha256.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
            if file.sha256.len() != 64 || !digits {
                return Err(format!("files: {}: sha256 is not 64 digits 0-9 a-f", file.name));
            }
            if file.name.as_str() == FILE {
                return Err(format!("files: {FILE} cannot be one of its own files"));
            }
            if self.files[..number].iter().any(|other| other.name == file.name) {
                return Err(format!("files: {} is there twice", file.name));
            }
        }
        if self.bytes() > limits::RELEASE_BYTES_MAX {
            let most = limits::RELEASE_BYTES_MAX;
            return Err(format!("files: {} bytes together; at most {most}", self.bytes()));
        }
        if !self.files.iter().any(|file| file.name == self.program) {
            return Err(format!("program: {} is none of its files", self.program));
        }
        Ok(())
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.length))
    }

    /// Whether this release is built for a processor, as `uname -m` calls it.
    #[must_use]
    pub fn is_for(&self, architecture: &str) -> bool {
        self.architectures.is_empty() || self.architectures.iter().any(|one| one == architecture)
    }
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &str) -> String {
        format!(r#"{{"release":"2.0.0","program":"outpost","files":[{files}]}}"#)
    }

    fn file(name: &str, length: u64) -> String {
        format!(r#"{{"name":"{name}","length":{length},"sha256":"{}"}}"#, "0".repeat(64))
    }

    fn fault(text: &str) -> String {
        Manifest::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_is_read_and_unknown_keys_are_left_alone() {
        let text = with(&file("outpost", 5)).replace("\"release\"", "\"later\":1,\"release\"");
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!((manifest.bytes(), manifest.is_for("riscv64")), (5, true));
    }

    #[test]
    fn names_cannot_lead_out_of_the_slot() {
        for name in ["../outpost", "/bin/sh", "a/b", "", ".hidden", "a b", &"x".repeat(65)] {
            assert!(fault(&with(&file(name, 1))).contains("is no name"), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_with_its_key() {
        let bytes = r#"{"release":"2.0.0","program":"a","files":[{"name":"a","sha256":""}]}"#;
        assert!(fault(bytes).contains("release.json cannot be read: missing field `length`"));
        assert!(fault(&with(&file("model", 1))).contains("program: outpost is none"));
        let twice = format!("{0},{0}", file("outpost", 1));
        assert!(fault(&with(&twice)).contains("outpost is there twice"));
        let digits = with(&file("outpost", 1)).replace("000", "xyz");
        assert!(fault(&digits).contains("sha256"));
        let own = format!("{},{}", file("outpost", 1), file(FILE, 1));
        assert!(fault(&with(&own)).contains("cannot be one of its own"));
        assert!(fault(&with(&file("outpost", u64::MAX))).contains("at most"));
        let many: Vec<_> = (0..65).map(|n| file(&format!("f{n}"), 1)).collect();
        assert!(fault(&with(&many.join(","))).contains("files: 65; at most 64"));
    }
}
