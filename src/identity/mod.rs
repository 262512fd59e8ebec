//! Who this board is to a broker: a key that is made here and stays here, the request for a
//! certificate, and the certificate, in the files that `cert_file` and `key_file` name.
//!
//! A key that is there is kept, so that a renewal replaces one file. A new one waits beside it,
//! as `<key_file>.new`, until a certificate for it comes.
//! What must never be here: the authority that signs, which is a person's (`fleet::authority`), and
//! a key in an error, in a line of the log or in a message.

mod facts;
pub mod hardware;
pub mod renewal;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use thiserror::Error;

pub use facts::Facts;

use crate::config::{Broker, Bus, Config};
use crate::disk::{self, DiskError};
use crate::limits::CERTIFICATE_BYTES_MAX;

/// Why there is no identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A key of a kind that we do not make.
    #[error("{}: no key that a request can be made with; allowed is PKCS #8 in PEM, such as \
             `outpost identity request` makes", .0.display())]
    Key(PathBuf),
    /// A key or a request cannot be made.
    #[error("the request cannot be made: {0}")]
    Request(String),
    /// It is none.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// It is another board's.
    #[error("the certificate is for {found:?}, this board is {device:?}")]
    Name {
        /// Whose it is.
        found: String,
        /// Who we are.
        device: String,
    },
    /// It is for another key.
    #[error("the certificate is for another key than {}", .0.display())]
    OtherKey(PathBuf),
    /// The broker does not accept it.
    #[error("the broker does not accept it: {0}")]
    Refused(String),
    /// It is over.
    #[error("the certificate ended at {0}")]
    Over(String),
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_path_buf();
    move |source| IdentityError::File { action, path, source }
}

impl From<DiskError> for IdentityError {
    fn from(error: DiskError) -> IdentityError {
        IdentityError::File { action: error.action, path: error.path, source: error.source }
    }
}

/// A certificate and its key, by the section that names their files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    /// `bus`, or the name of a `[[cloud]]`.
    pub section: String,
    /// Where the certificate is, or is to be.
    pub cert: PathBuf,
    /// Where the key is, or is to be.
    pub key: PathBuf,
}

impl Papers {
    /// Those that a configuration names, those of the bus first. Sections that share them have
    /// them once.
    #[must_use]
    pub fn of(config: &Config) -> Vec<Papers> {
        with_access(config).into_iter().map(|(papers, _)| papers).collect()
    }

    /// A request for a certificate (PEM), signed with our key; that is made where there is none, or
    /// beside the one that is there where `another` is wanted.
    ///
    /// # Errors
    /// Where the key cannot be made or read.
    pub fn request(&self, device: &str, another: bool) -> Result<String, IdentityError> {
        self.finish()?;
        let path = if another { beside(&self.key) } else { self.key.clone() };
        let key = if path.exists() { read_key(&path)? } else { make_key(&path)? };
        let failed = |error: rcgen::Error| IdentityError::Request(error.to_string());
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name = DistinguishedName::new();
        wanted.distinguished_name.push(DnType::CommonName, device);
        wanted.serialize_request(&key).and_then(|request| request.pem()).map_err(failed)
    }

    /// The key, the one that is there or the one that waits, that a certificate is for.
    #[must_use]
    pub fn key_of(&self, facts: &Facts) -> Option<PathBuf> {
        let ours = [self.key.clone(), beside(&self.key)];
        ours.into_iter().find(|path| read_key(path).is_ok_and(|key| is_for(facts, &key)))
    }

    /// Whether a new key waits for its certificate.
    #[must_use]
    pub fn has_new_key(&self) -> bool {
        beside(&self.key).exists()
    }

    /// Puts a certificate (PEM) in its place, and the key that it is for where that waits.
    ///
    /// # Errors
    /// Where it is for another board or key, is over, or the disk refuses. A certificate that has
    /// not begun is taken: the clock of a board that has just started may say anything.
    pub fn take(&self, device: &str, pem: &[u8], now_unix_s: i64) -> Result<Facts, IdentityError> {
        let facts = Facts::of_pem(pem)?;
        if facts.name != device {
            return Err(IdentityError::Name { found: facts.name, device: device.to_owned() });
        }
        if facts.ends_unix_s <= now_unix_s {
            return Err(IdentityError::Over(facts.ends()));
        }
        if self.key_of(&facts).is_none() {
            return Err(IdentityError::OtherKey(self.key.clone()));
        }
        disk::replace(&beside(&self.cert), pem)?;
        self.finish()?;
        Ok(facts)
    }

    /// What the certificate says; `None` where there is none yet.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn facts(&self) -> Result<Option<Facts>, IdentityError> {
        self.finish()?;
        if self.cert.exists() { Facts::of_file(&self.cert).map(Some) } else { Ok(None) }
    }

    /// Brings what was verified and waits beside its place to its place: the key, then the
    /// certificate. A power cut in between leaves the rest for the next time.
    fn finish(&self) -> Result<(), IdentityError> {
        let (cert, key) = (beside(&self.cert), beside(&self.key));
        if !cert.exists() {
            return Ok(());
        }
        let facts = Facts::of_file(&cert)?;
        if read_key(&key).is_ok_and(|key| is_for(&facts, &key)) {
            disk::publish(&key, &self.key)?;
        }
        disk::publish(&cert, &self.cert)?;
        Ok(())
    }
}

/// The papers of a configuration, each with the broker that they are shown to first.
fn with_access(config: &Config) -> Vec<(Papers, &Bus)> {
    let clouds = config.clouds.iter();
    let clouds = clouds.filter_map(|cloud| Some((cloud.name.as_str(), &cloud.to.broker()?.bus)));
    let mut all: Vec<(Papers, &Bus)> = Vec::new();
    for (section, access) in std::iter::once(("bus", &config.bus)).chain(clouds) {
        let (Some(cert), Some(key)) = (&access.cert_file, &access.key_file) else { continue };
        // A configuration may name what its `url` has no use for.
        if !matches!(access.broker, Broker::Remote { tls: true, .. }) {
            continue;
        }
        if all.iter().all(|(other, _)| other.cert != *cert) {
            let (section, cert, key) = (section.to_owned(), cert.clone(), key.clone());
            all.push((Papers { section, cert, key }, access));
        }
    }
    all
}

/// Where a file waits for its turn.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn is_for(facts: &Facts, key: &KeyPair) -> bool {
    facts.public_key == key.public_key_raw()
}

/// Makes a key in a file that only its owner reads.
///
/// # Errors
/// Where the disk refuses.
pub fn make_key(path: &Path) -> Result<KeyPair, IdentityError> {
    let made = KeyPair::generate().map_err(|error| IdentityError::Request(error.to_string()))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        disk::folder(folder)?;
    }
    disk::replace_private(path, made.serialize_pem().as_bytes())?;
    Ok(made)
}

/// A key out of its file.
///
/// # Errors
/// Where it cannot be read, or is none of those that we make.
pub fn read_key(path: &Path) -> Result<KeyPair, IdentityError> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    KeyPair::from_pem(&text).map_err(|_| IdentityError::Key(path.to_path_buf()))
}

/// A small file, whole.
///
/// # Errors
/// Where it cannot be read, or is longer than a file of certificates may be.
pub fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    File::open(path).and_then(read_whole).map_err(fault("read", path))
}

/// All that comes, which is no longer than a file of certificates may be.
///
/// # Errors
/// Where it is longer, or cannot be read.
pub fn read_whole(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(CERTIFICATE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CERTIFICATE_BYTES_MAX {
        let what = format!("more than {CERTIFICATE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
