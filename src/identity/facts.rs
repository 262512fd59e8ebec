//! What a certificate says, as far as we act on it. Nothing is believed here: who signed it is the
//! other side's to judge.

use std::path::Path;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{IdentityError, read};
use crate::limits::{IDENTITY_DUE_PARTS, IDENTITY_WARN_PARTS};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The common name: of a board its name.
    pub name: String,
    /// Who signed it, by its own name.
    pub issuer: String,
    /// Its number, in hexadecimal with colons.
    pub serial: String,
    /// From when it holds, in seconds since 1970.
    pub begins_unix_s: i64,
    /// Until when.
    pub ends_unix_s: i64,
    /// The key that it is for, as its bits stand in it.
    pub public_key: Vec<u8>,
}

impl Facts {
    /// Of the first certificate in a text (PEM).
    ///
    /// # Errors
    /// Where there is none that can be read.
    pub fn of_pem(pem: &[u8]) -> Result<Facts, IdentityError> {
        let wrong = |what: String| IdentityError::Certificate(what);
        let der = CertificateDer::from_pem_slice(pem).map_err(|error| wrong(error.to_string()))?;
        let (_, read) =
            X509Certificate::from_der(&der).map_err(|error| wrong(error.to_string()))?;
        let name = read.subject().iter_common_name().next();
        let name = name.and_then(|name| name.as_str().ok()).unwrap_or_default();
        Ok(Facts {
            name: name.to_owned(),
            issuer: read.issuer().to_string(),
            serial: read.raw_serial_as_string(),
            begins_unix_s: read.validity().not_before.timestamp(),
            ends_unix_s: read.validity().not_after.timestamp(),
            public_key: read.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// Of the first certificate in a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_file(path: &Path) -> Result<Facts, IdentityError> {
        Facts::of_pem(&read(path)?)
    }

    /// Whether it is time to ask for the next one.
    #[must_use]
    pub fn is_due(&self, now_unix_s: i64) -> bool {
        self.is_in_last_part(IDENTITY_DUE_PARTS, now_unix_s)
    }

    /// Whether a person should know that there is no next one yet.
    #[must_use]
    pub fn is_late(&self, now_unix_s: i64) -> bool {
        self.is_in_last_part(IDENTITY_WARN_PARTS, now_unix_s)
    }

    fn is_in_last_part(&self, parts: i64, now_unix_s: i64) -> bool {
        let whole_s = self.ends_unix_s.saturating_sub(self.begins_unix_s);
        self.ends_unix_s.saturating_sub(now_unix_s) < whole_s / parts
    }

    /// When it ends, to be read by people.
    #[must_use]
    pub fn ends(&self) -> String {
        let at = jiff::Timestamp::from_second(self.ends_unix_s);
        at.unwrap_or(jiff::Timestamp::MAX).to_string()
    }
}
