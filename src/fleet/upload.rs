//! A repository's folder into a store of objects (S3, Azure, GCS), for boards that fetch it from
//! there. The files first, then what names them, the timestamp, which makes all of it count, last:
//! a board that looks in the middle sees the set before.
//!
//! Credentials are those of the environment, under the provider's own names (`AWS_…` and so on) and
//! no others. What must never be here: a key of ours in a request; boards believe signatures, not
//! the store; and parts of a file that nobody will finish.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig};
use url::Url;

use super::{FleetError, fault, repository};
use crate::config::CloudObjects;
use crate::limits::UPLOAD_PART_BYTES;
use crate::uplink::store_client;

/// A store, as a person names it.
#[derive(Clone, Debug)]
pub struct Place {
    /// `s3://bucket/prefix`, `az://container/prefix` or `gs://bucket/prefix`.
    pub url: Url,
    /// Of a store that is none of the provider's own, such as MinIO.
    pub endpoint: Option<Url>,
    /// Of S3.
    pub region: Option<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Objects that were sent.
    pub sent: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that were there already.
    pub there: usize,
}

struct Store {
    client: Arc<dyn ObjectStore>,
    prefix: Key,
    url: String,
}

/// Brings a repository to a store.
///
/// # Errors
/// Where the folder cannot be read, or the store refuses.
pub async fn upload(folder: &Path, place: &Place) -> Result<Uploaded, FleetError> {
    let store = Store::open(place)?;
    let _lock = repository::lock(folder)?;
    let mut done = Uploaded::default();
    for name in names(&folder.join("targets"))? {
        // Its name has its checksum: what is there is it.
        let path = folder.join("targets").join(&name);
        let bytes = fs::metadata(&path).map_err(fault("read", &path))?.len();
        if store.has("targets", &name, bytes).await? {
            done.there += 1;
        } else {
            done.add(store.put(&path, "targets", &name).await?);
        }
    }
    let mut all = names(&folder.join("metadata"))?;
    all.sort_by_key(|name| name == "timestamp.json");
    for name in all {
        done.add(store.put(&folder.join("metadata").join(&name), "metadata", &name).await?);
    }
    Ok(done)
}

impl Uploaded {
    fn add(&mut self, bytes: u64) {
        self.sent += 1;
        self.bytes += bytes;
    }
}

/// Files of a folder by name; what is still being written begins with a dot.
fn names(folder: &Path) -> Result<Vec<String>, FleetError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault("list", folder))? {
        let name = entry.map_err(fault("list", folder))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

impl Store {
    fn open(place: &Place) -> Result<Store, FleetError> {
        let url = place.url.to_string();
        let wrong = |what: String| FleetError::Store { url: url.clone(), source: what.into() };
        if !matches!(place.url.scheme(), "s3" | "az" | "gs") || !place.url.has_host() {
            let what = "no store; allowed are s3://bucket/prefix, az://container/prefix and \
                        gs://bucket/prefix";
            return Err(wrong(what.to_owned()));
        }
        let to = CloudObjects {
            url: place.url.clone(),
            endpoint: place.endpoint.clone(),
            region: place.region.clone(),
            username: None,
            password_file: None,
            key_file: None,
            ca_file: None,
        };
        // A person waits and nobody comes back later: as often as the library tries.
        let client = store_client(&to, RetryConfig::default()).map_err(wrong)?;
        let prefix = Key::from_url_path(place.url.path());
        let prefix = prefix.map_err(|error| wrong(error.to_string()))?;
        Ok(Store { client, prefix, url })
    }

    fn key(&self, part: &str, name: &str) -> Key {
        self.prefix.clone().join(part).join(name)
    }

    async fn has(&self, part: &str, name: &str, bytes: u64) -> Result<bool, FleetError> {
        match self.client.head(&self.key(part, name)).await {
            Ok(there) => Ok(there.size == bytes),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(&self.url)(error)),
        }
    }

    /// Sends a file, in parts where it is large; its bytes.
    async fn put(&self, path: &Path, part: &str, name: &str) -> Result<u64, FleetError> {
        let mut file = File::open(path).map_err(fault("open", path))?;
        let key = self.key(part, name);
        let first = next(&mut file, path)?;
        if (first.len() as u64) < UPLOAD_PART_BYTES {
            let bytes = first.len() as u64;
            self.client.put(&key, first.into()).await.map_err(failed(&self.url))?;
            return Ok(bytes);
        }
        let begun = self.client.put_multipart(&key).await;
        let mut parts = begun.map_err(failed(&self.url))?;
        let sent = self.put_parts(parts.as_mut(), first, &mut file, path).await;
        if sent.is_err() {
            // Nobody sees them in the bucket, and they are paid for.
            if let Err(error) = parts.abort().await {
                tracing::warn!(%error, %key, "the parts that were sent stay in the store");
            }
        }
        sent
    }

    /// One part after the other: as much is in memory as one has.
    async fn put_parts(
        &self,
        parts: &mut dyn MultipartUpload,
        first: Vec<u8>,
        file: &mut File,
        path: &Path,
    ) -> Result<u64, FleetError> {
        let (mut sent, mut bytes) = (0, first);
        while !bytes.is_empty() {
            sent += bytes.len() as u64;
            parts.put_part(bytes.into()).await.map_err(failed(&self.url))?;
            bytes = next(file, path)?;
        }
        parts.complete().await.map_err(failed(&self.url))?;
        Ok(sent)
    }
}

/// The next part of a file; nothing at its end.
fn next(file: &mut File, path: &Path) -> Result<Vec<u8>, FleetError> {
    let mut bytes = Vec::new();
    let read = file.take(UPLOAD_PART_BYTES).read_to_end(&mut bytes);
    read.map_err(fault("read", path))?;
    Ok(bytes)
}

fn failed(url: &str) -> impl FnOnce(Error) -> FleetError {
    let url = url.to_owned();
    move |error| FleetError::Store { url, source: error.into() }
}
