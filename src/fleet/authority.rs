//! A small certificate authority in a folder, so that ten boards and their broker need no other
//! tool: a key that belongs into a drawer, the list of what it has signed, and the list of what is
//! revoked, for the broker.
//!
//! What is signed is in the list first: no certificate is ever unknown. What must never be here: a
//! board's key, which never leaves the board.

use std::fs;
use std::ops::Add;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::sha256;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams,
    CertificateSigningRequestParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKey, PublicKeyData,
    RevocationReason, RevokedCertParams, SerialNumber,
};
use serde::{Deserialize, Serialize};

use super::{FleetError, fault, from_disk, repository};
use crate::disk;
use crate::identity::{IdentityError, make_key, read_key};
use crate::limits::{AUTHORITY_DAYS, CERTIFICATE_BEFORE_S};
use crate::link::topics::DeviceName;

/// The authority's certificate, for every board and the broker.
pub const CERTIFICATE_FILE: &str = "ca.pem";
/// Its key.
pub const KEY_FILE: &str = "ca.key";
/// The list of what is revoked, for the broker.
pub const REVOKED_FILE: &str = "revoked.pem";
/// Name of a broker's files, whatever the broker is called.
const SERVER: &str = "server";
/// Names of files in the folder, before `.key` or `.pem`, that no person's may have.
const RESERVED: [&str; 3] = ["ca", "revoked", SERVER];
/// What has been signed.
const ISSUED_FILE: &str = "issued.json";

/// A certificate that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The board, or the broker's first name.
    pub name: String,
    /// Its number, in hexadecimal with colons.
    pub serial: String,
    /// SHA-256 of the key that it is for.
    pub key: String,
    /// When it ends, in seconds since 1970.
    pub ends_unix_s: i64,
    /// When it was revoked.
    pub revoked_unix_s: Option<i64>,
}

/// An authority that is open, and nobody else's meanwhile.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    issued: Vec<Issued>,
    now_unix_s: i64,
    _lock: Lock,
}

/// Makes an authority in an empty or new folder.
///
/// # Errors
/// Where there is one, or the folder cannot be written.
pub fn make(folder: &Path, name: &str, now_unix_s: i64) -> Result<(), FleetError> {
    let path = folder.join(CERTIFICATE_FILE);
    if path.exists() {
        return Err(FleetError::Exists(path));
    }
    disk::folder(folder).map_err(from_disk)?;
    // A key without its certificate is what an attempt has left that was cut off.
    let key = folder.join(KEY_FILE);
    let key = if key.exists() { read_key(&key) } else { make_key(&key) }.map_err(failed)?;
    let mut wanted = blank(name, &[], now_unix_s, AUTHORITY_DAYS)?;
    wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    wanted.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let made = wanted.self_signed(&key).map_err(unsigned)?;
    disk::replace(&path, made.pem().as_bytes()).map_err(from_disk)?;
    Authority::open(folder, now_unix_s)?.write_revoked()
}

impl Authority {
    /// Opens the authority of a folder.
    ///
    /// # Errors
    /// Where there is none, or another process has it.
    pub fn open(folder: &Path, now_unix_s: i64) -> Result<Authority, FleetError> {
        let path = folder.join(CERTIFICATE_FILE);
        let pem = fs::read_to_string(&path).map_err(fault("read", &path))?;
        let lock = repository::lock(folder)?;
        let key = read_key(&folder.join(KEY_FILE)).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(unsigned)?;
        let path = folder.join(ISSUED_FILE);
        let issued = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| FleetError::Authority(format!("{}: {error}", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(fault("read", &path)(error)),
        };
        Ok(Authority { folder: folder.to_path_buf(), issuer, issued, now_unix_s, _lock: lock })
    }

    /// What it has signed.
    #[must_use]
    pub fn issued(&self) -> &[Issued] {
        &self.issued
    }

    /// Signs a board's request (PEM) and gives its certificate. A board that has one for another
    /// key gets a new one only where it is to `replace` that, which is revoked.
    ///
    /// # Errors
    /// Where the request is none or another board's, or the board has another key.
    pub fn enroll(
        &mut self,
        device: &str,
        request: &str,
        days: i64,
        replace: bool,
    ) -> Result<String, FleetError> {
        let public = self.asked(device, request)?;
        let key = sha256(public.der_bytes());
        let others: Vec<_> = self.good(device).filter(|one| one.key != key).collect();
        if !replace && let Some(other) = others.first() {
            let serial = &other.serial;
            return Err(FleetError::Authority(format!(
                "{device} has a certificate for another key, {serial}: where it is this board \
                 that has a new key, --replace revokes the old one; where there are two boards of \
                 this name, one of them needs another name"
            )));
        }
        let others: Vec<_> = others.iter().map(|other| other.serial.clone()).collect();
        let mut wanted = blank(device, &[], self.now_unix_s, days)?;
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = self.sign(device, &mut wanted, &public)?;
        if !others.is_empty() {
            self.revoke_where(|one| others.contains(&one.serial))?;
        }
        Ok(certificate)
    }

    /// Signs the next certificate for a key that has a good one.
    ///
    /// # Errors
    /// Where the board or the key is not known, or was revoked.
    pub fn renew(&mut self, device: &str, request: &str, days: i64) -> Result<String, FleetError> {
        let key = sha256(self.asked(device, request)?.der_bytes());
        if self.good(device).all(|one| one.key != key) {
            let what = format!("{device}: no good certificate was signed for this key");
            return Err(FleetError::Authority(what));
        }
        self.enroll(device, request, days, false)
    }

    /// Whether this certificate was signed for the board and the key of this request, and is
    /// neither over nor revoked.
    #[must_use]
    pub fn is_for(&self, device: &str, serial: &str, request: &str) -> bool {
        let Ok(key) = self.asked(device, request) else { return false };
        let key = sha256(key.der_bytes());
        self.good(device).any(|one| one.serial == serial && one.key == key)
    }

    /// The key of a request that is this board's.
    fn asked(&self, device: &str, request: &str) -> Result<PublicKey, FleetError> {
        let wrong = |what: String| FleetError::Authority(format!("the request: {what}"));
        let asked = CertificateSigningRequestParams::from_pem(request)
            .map_err(|error| wrong(error.to_string()))?;
        let found = match asked.params.distinguished_name.get(&DnType::CommonName) {
            Some(DnValue::Utf8String(name)) => name.as_str(),
            Some(DnValue::PrintableString(name)) => name.as_str(),
            _ => "",
        };
        if found != device {
            return Err(wrong(format!("it is for {found:?}, not for {device:?}")));
        }
        Ok(asked.public_key)
    }

    /// Makes key and certificate of a broker, `server.key` and `server.pem` beside the authority's:
    /// both are for the broker's machine. The key is kept where it is there.
    ///
    /// # Errors
    /// Where a name is none, or the folder cannot be written.
    pub fn server(&mut self, names: &[String], days: i64) -> Result<(), FleetError> {
        let [name, ..] = names else { return Ok(()) };
        let mut wanted = blank(name, names, self.now_unix_s, days)?;
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.pair(SERVER, name, wanted)
    }

    /// Makes key and certificate of a person, `<name>.key` and `<name>.pem` beside the authority's.
    ///
    /// # Errors
    /// As [`Self::server`], and as [`check_person`].
    pub fn person(&mut self, name: &DeviceName, days: i64) -> Result<(), FleetError> {
        check_person(name)?;
        let name = name.as_str();
        let mut wanted = blank(name, &[], self.now_unix_s, days)?;
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.pair(name, name, wanted)
    }

    fn pair(
        &mut self,
        file: &str,
        name: &str,
        mut wanted: CertificateParams,
    ) -> Result<(), FleetError> {
        let path = self.folder.join(format!("{file}.key"));
        let key = if path.exists() { read_key(&path) } else { make_key(&path) }.map_err(failed)?;
        let certificate = self.sign(name, &mut wanted, &key)?;
        let path = self.folder.join(format!("{file}.pem"));
        disk::replace(&path, certificate.as_bytes()).map_err(from_disk)
    }

    /// Revokes what a board has, or the one certificate of that number; what was revoked.
    ///
    /// # Errors
    /// Where there is none, or the folder cannot be written.
    pub fn revoke(&mut self, which: &str) -> Result<Vec<Issued>, FleetError> {
        let meant = |one: &Issued| one.name == which || one.serial == which;
        let revoked = self.revoke_where(meant)?;
        if revoked.is_empty() {
            let what = format!("nothing that is good was signed for {which}");
            return Err(FleetError::Authority(what));
        }
        Ok(revoked)
    }

    fn revoke_where(&mut self, meant: impl Fn(&Issued) -> bool) -> Result<Vec<Issued>, FleetError> {
        let mut revoked = Vec::new();
        let now = self.now_unix_s;
        for one in self.issued.iter_mut().filter(|one| one.revoked_unix_s.is_none()) {
            if meant(one) {
                one.revoked_unix_s = Some(now);
                revoked.push(one.clone());
            }
        }
        self.write_issued()?;
        self.write_revoked()?;
        Ok(revoked)
    }

    /// What a board has that is neither over nor revoked.
    fn good(&self, name: &str) -> impl Iterator<Item = &Issued> {
        let good =
            |one: &&Issued| one.revoked_unix_s.is_none() && one.ends_unix_s > self.now_unix_s;
        self.issued.iter().filter(move |one| one.name == name).filter(good)
    }

    fn sign(
        &mut self,
        name: &str,
        wanted: &mut CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<String, FleetError> {
        let mut number: [u8; 16] = rand::random();
        // Positive, and of one length however it is written.
        number[0] = number[0] & 0x3f | 0x40;
        wanted.serial_number = Some(SerialNumber::from_slice(&number));
        let signed = wanted.signed_by(key, &self.issuer).map_err(unsigned)?;
        let serial: Vec<_> = number.iter().map(|byte| format!("{byte:02x}")).collect();
        self.issued.push(Issued {
            name: name.to_owned(),
            serial: serial.join(":"),
            key: sha256(key.der_bytes()),
            ends_unix_s: wanted.not_after.unix_timestamp(),
            revoked_unix_s: None,
        });
        self.write_issued()?;
        Ok(signed.pem())
    }

    fn write_issued(&self) -> Result<(), FleetError> {
        let text = serde_json::to_vec_pretty(&self.issued);
        let text = text.map_err(|error| FleetError::Authority(error.to_string()))?;
        disk::replace(&self.folder.join(ISSUED_FILE), &text).map_err(from_disk)
    }

    /// Writes the list for the broker. It is good as long as the authority: it is written anew at
    /// each change, and nobody has to open the drawer each month only to say that nothing changed.
    fn write_revoked(&self) -> Result<(), FleetError> {
        let number = u64::try_from(self.now_unix_s).unwrap_or_default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let mut revoked = Vec::new();
        for one in &self.issued {
            let Some(at) = one.revoked_unix_s else { continue };
            revoked.push(RevokedCertParams {
                serial_number: serial(&one.serial)?,
                revocation_time: after(epoch, at),
                reason_code: Some(RevocationReason::CessationOfOperation),
                invalidity_date: None,
            });
        }
        let list = CertificateRevocationListParams {
            this_update: after(epoch, self.now_unix_s - CERTIFICATE_BEFORE_S),
            next_update: after(epoch, self.now_unix_s + AUTHORITY_DAYS * 86_400),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(unsigned)?;
        disk::replace(&self.folder.join(REVOKED_FILE), signed.as_bytes()).map_err(from_disk)
    }
}

/// Whether a person may be called so: the files are named by the person, and the authority's own
/// are not to be written over.
///
/// # Errors
/// Where a file of the folder is called so.
pub fn check_person(name: &DeviceName) -> Result<(), FleetError> {
    if !RESERVED.contains(&name.as_str()) {
        return Ok(());
    }
    let reserved = RESERVED.join(", ");
    let what = format!("--person {name}: a file of the authority is called so; not: {reserved}");
    Err(FleetError::Authority(what))
}

/// A certificate with nothing in it but a name, further names and its time.
fn blank(
    name: &str,
    names: &[String],
    now_unix_s: i64,
    days: i64,
) -> Result<CertificateParams, FleetError> {
    let mut wanted = CertificateParams::new(names.to_vec()).map_err(unsigned)?;
    wanted.distinguished_name = DistinguishedName::new();
    wanted.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    wanted.not_before = after(epoch, now_unix_s - CERTIFICATE_BEFORE_S);
    wanted.not_after = after(epoch, now_unix_s + days * 86_400);
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.use_authority_key_identifier_extension = true;
    Ok(wanted)
}

/// A time in the type that `rcgen` has for it, by what it calls the beginning of 1970.
fn after<T: Add<Duration, Output = T>>(epoch: T, unix_s: i64) -> T {
    epoch + Duration::from_secs(u64::try_from(unix_s).unwrap_or(0))
}

/// The bytes of a certificate's number.
fn serial(serial: &str) -> Result<SerialNumber, FleetError> {
    let bytes = serial.split(':').map(|byte| u8::from_str_radix(byte, 16));
    let bytes: Result<Vec<_>, _> = bytes.collect();
    let wrong = |_| FleetError::Authority(format!("{ISSUED_FILE}: {serial:?} is no serial"));
    Ok(SerialNumber::from(bytes.map_err(wrong)?))
}

fn failed(error: IdentityError) -> FleetError {
    match error {
        IdentityError::File { action, path, source } => FleetError::File { action, path, source },
        other => FleetError::Authority(other.to_string()),
    }
}

fn unsigned(error: rcgen::Error) -> FleetError {
    FleetError::Authority(error.to_string())
}

#[cfg(test)]
mod tests;
