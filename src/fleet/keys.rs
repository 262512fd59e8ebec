//! The keys of a fleet and the root that names them. Root and targets keys belong on a medium in a
//! drawer; snapshot, timestamp and rollout keys may lie where releases are published from: with all
//! three of them together nothing can be put on a board that the targets key has not signed.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use serde_json::{Value as Json, json};
use tough::editor::signed::SignedRole;
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::key::Key;
use tough::schema::{KeyHolder, Root};

use super::{FleetError, fault};
use crate::disk;
use crate::update::rollout;

/// Root keys of a new fleet, of which [`ROOT_THRESHOLD`] must sign: one may be lost, and one stolen
/// key changes nothing.
pub const ROOT_KEYS: usize = 3;
/// How many of them must sign.
pub const ROOT_THRESHOLD: usize = 2;
/// Days that a root is good for: it is renewed by hand, from the drawer.
pub const ROOT_DAYS: i64 = 3 * 365;
/// The file with the root, to be put on every board.
pub const ROOT_FILE: &str = "root.json";
/// The roles with one key each.
const ROLES: [&str; 3] = ["targets", "snapshot", "timestamp"];

/// Makes the keys of a fleet and its first root, in an empty or new folder.
///
/// # Errors
/// Where there are keys already, or the folder cannot be written.
pub async fn make(folder: &Path) -> Result<(), FleetError> {
    if folder.join(ROOT_FILE).exists() {
        return Err(FleetError::Exists(folder.join(ROOT_FILE)));
    }
    disk::folder(folder).map_err(written)?;
    let mut keys = serde_json::Map::new();
    let root_names = (1..=ROOT_KEYS).map(|number| format!("root-{number}"));
    let mut ids = Vec::new();
    for name in root_names.chain(ROLES.map(str::to_owned)) {
        let (id, key) = in_json(&make_key(&folder.join(format!("{name}.key"))).await?)?;
        keys.insert(id.clone(), key);
        ids.push(id);
    }
    // Not in the root: the list of files says what it may sign.
    make_key(&key(folder, rollout::ROLE)).await?;
    let one = |index: usize| json!({"keyids": [ids[ROOT_KEYS + index]], "threshold": 1});
    let root = json!({
        "_type": "root",
        "spec_version": "1.0.0",
        "consistent_snapshot": true,
        "version": 1,
        "expires": super::publish::in_days(ROOT_DAYS),
        "keys": keys,
        "roles": {
            "root": {"keyids": ids[..ROOT_KEYS], "threshold": ROOT_THRESHOLD},
            "targets": one(0),
            "snapshot": one(1),
            "timestamp": one(2),
        },
    });
    let signers: Vec<_> =
        (1..=ROOT_KEYS).map(|number| folder.join(format!("root-{number}.key"))).collect();
    let signed = sign_root(&root, &signers).await?;
    disk::replace(&folder.join(ROOT_FILE), &signed).map_err(written)
}

fn written(error: disk::DiskError) -> FleetError {
    FleetError::File { action: error.action, path: error.path, source: error.source }
}

/// Makes a key in a file that only its owner reads; its public half.
pub(super) async fn make_key(path: &Path) -> Result<Key, FleetError> {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    let made = made.map_err(|error| FleetError::Keys(error.to_string()))?;
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = file.map_err(fault("create", path))?;
    file.write_all(made.as_ref()).map_err(fault("write", path))?;
    file.sync_all().map_err(fault("sync", path))?;
    let source = LocalKeySource { path: path.to_path_buf() };
    let signer = source.as_sign().await.map_err(|error| FleetError::Keys(error.to_string()))?;
    Ok(signer.tuf_key())
}

/// A key's id and the key, as they stand in a root.
pub(super) fn in_json(key: &Key) -> Result<(String, Json), FleetError> {
    let id = key.key_id().map_err(|error| FleetError::Keys(error.to_string()))?;
    let json = |value: Result<Json, serde_json::Error>| {
        value.map_err(|error| FleetError::Keys(error.to_string()))
    };
    let id = json(serde_json::to_value(id))?.as_str().unwrap_or_default().to_owned();
    Ok((id, json(serde_json::to_value(key))?))
}

/// Signs a root with the keys in these files.
///
/// # Errors
/// Where it is no root, or a key cannot be read.
pub async fn sign_root(root: &Json, keys: &[PathBuf]) -> Result<Vec<u8>, FleetError> {
    let said = |error: String| FleetError::Keys(error);
    let root: Root = serde_json::from_value(root.clone()).map_err(|e| said(e.to_string()))?;
    let holder = KeyHolder::Root(root.clone());
    let signed = SignedRole::new(root, &holder, &sources(keys), &SystemRandom::new()).await;
    Ok(signed.map_err(|error| said(error.to_string()))?.buffer().clone())
}

/// Keys in files, as `tough` reads them.
pub(super) fn sources(keys: &[PathBuf]) -> Vec<Box<dyn KeySource>> {
    let source =
        |path: &PathBuf| -> Box<dyn KeySource> { Box::new(LocalKeySource { path: path.clone() }) };
    keys.iter().map(source).collect()
}

/// The file with the key of a role.
pub(super) fn key(folder: &Path, role: &str) -> PathBuf {
    folder.join(format!("{role}.key"))
}

/// The files with the keys that publish: targets, snapshot, timestamp, rollout.
///
/// # Errors
/// Where one is missing.
pub(super) fn publishers(folder: &Path) -> Result<Vec<PathBuf>, FleetError> {
    there(folder, &["targets", "snapshot", "timestamp", rollout::ROLE])
}

/// The files with the keys that sign a rollout's next step: none of them is from the drawer.
///
/// # Errors
/// Where one is missing.
pub(super) fn online(folder: &Path) -> Result<Vec<PathBuf>, FleetError> {
    there(folder, &["snapshot", "timestamp", rollout::ROLE])
}

fn there(folder: &Path, roles: &[&str]) -> Result<Vec<PathBuf>, FleetError> {
    let there = |role: &&str| {
        let path = key(folder, role);
        fs::metadata(&path).map_err(fault("read", &path))?;
        Ok(path)
    };
    roles.iter().map(there).collect()
}
