//! A repository's folder into a store of objects (S3, Azure, GCS), for boards that fetch it from
//! there. The files first, then what names them, the timestamp, which makes all of it count, last:
//! a board that looks in the middle sees the set before.
//!
//! Credentials are those of the environment, as the provider's own tools have them. What must never
//! be here: a key of ours in a request; boards believe signatures, not the store.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use outpost_launcher::limits::COPY_BYTES;
use tokio::io::AsyncWriteExt;
use url::Url;

use super::{FleetError, fault, repository};

/// A store, as a person names it.
#[derive(Clone, Debug)]
pub struct Place {
    /// `s3://bucket/prefix`, `az://container/prefix` or `gs://bucket/prefix`.
    pub url: Url,
    /// Of a store that is none of the provider's own, such as MinIO.
    pub endpoint: Option<String>,
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
    let _lock = repository::lock(folder)?;
    let store = Store::open(place)?;
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
        let environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let mut options: Vec<(String, String)> = environment.collect();
        if let Some(endpoint) = &place.endpoint {
            options.push(("endpoint".into(), endpoint.clone()));
            options.push(("allow_http".into(), endpoint.starts_with("http://").to_string()));
        }
        if let Some(region) = &place.region {
            options.push(("region".into(), region.clone()));
        }
        let opened = object_store::parse_url_opts(&place.url, options);
        let (client, prefix) = opened.map_err(failed(&url))?;
        Ok(Store { client: client.into(), prefix, url })
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
        let mut writer = BufWriter::new(self.client.clone(), self.key(part, name));
        let (mut sent, mut buffer) = (0_u64, vec![0; COPY_BYTES]);
        let refused = |error: std::io::Error| {
            let source = Error::Generic { store: "upload", source: Box::new(error) };
            FleetError::Store { url: self.url.clone(), source }
        };
        loop {
            let read = file.read(&mut buffer).map_err(fault("read", path))?;
            if read == 0 {
                writer.shutdown().await.map_err(refused)?;
                return Ok(sent);
            }
            writer.write_all(&buffer[..read]).await.map_err(refused)?;
            sent += read as u64;
        }
    }
}

fn failed(url: &str) -> impl FnOnce(Error) -> FleetError {
    let url = url.to_owned();
    move |source| FleetError::Store { url, source }
}
