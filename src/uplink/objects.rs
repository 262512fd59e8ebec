//! Batches as objects in S3, Azure, GCS or a folder: zstd over JSON lines, one object a range of
//! sequences and named by it, so that a repeat overwrites itself. `docs/formats.md` has the form.
//!
//! What must never be here: a secret in a message, and an object of a folder that is only half
//! written.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{Certificate, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use serde_json::json;

use super::batch::json::hex;
use super::poster::{Depot, Parcel, Refusal, authorities, secret, wrong};
use crate::causes::chain;
use crate::config::CloudObjects;
use crate::disk;
use crate::journal::{Record, boot_hex, record_json};
use crate::limits::{UPLINK_CONNECT_MS_MAX, UPLINK_REQUEST_MS_MAX, UPLINK_RETRY_MS};

/// As for batches (see `batch`).
const ZSTD_LEVEL: i32 = 6;

/// A store of objects.
pub(super) struct Store {
    to: CloudObjects,
    /// Made at the first request, and anew where that could not be done.
    client: Option<Arc<dyn ObjectStore>>,
}

impl Store {
    pub(super) fn new(to: CloudObjects) -> Store {
        Store { to, client: None }
    }

    fn client(&mut self) -> Result<Arc<dyn ObjectStore>, Refusal> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let client = connect(&self.to, once())?;
        Ok(Arc::clone(self.client.insert(client)))
    }
}

impl Depot for Store {
    fn pack(&mut self, parcel: &Parcel, records: &[Record]) -> Vec<Vec<u8>> {
        let lines = lines(parcel, records);
        // Only without memory: then as it is, which a reader of zstd refuses and a person can read.
        let packed = zstd::bulk::compress(lines.as_bytes(), ZSTD_LEVEL);
        vec![packed.unwrap_or(lines.into_bytes())]
    }

    async fn put(&mut self, parcel: &Parcel, requests: Vec<Vec<u8>>) -> Result<(), Refusal> {
        let bytes = requests.concat();
        let key = key(&self.to.url, parcel);
        if self.to.url.scheme() == "file" {
            let folder = self.to.url.to_file_path();
            let folder = folder.map_err(|()| wrong("url", "no path of a folder"))?;
            let kept = tokio::task::spawn_blocking(move || keep(&folder, &key, &bytes)).await;
            return kept.unwrap_or_else(|error| Err(Refusal::Line(error.to_string())));
        }
        let client = self.client()?;
        let key = object_store::path::Path::parse(&key).map_err(|error| wrong("url", error))?;
        let put = client.put(&key, bytes.into()).await;
        put.map(drop).map_err(|error| {
            let refusal = refusal(&error);
            if matches!(refusal, Refusal::Wrong(_)) {
                // Somebody may mend the files that say who we are: they are read again.
                self.client = None;
            }
            refusal
        })
    }
}

/// The object's name. The boot tells a board with a new card from the one before it.
fn key(url: &url::Url, parcel: &Parcel) -> String {
    let prefix = if url.scheme() == "file" { "" } else { url.path().trim_matches('/') };
    let slash = if prefix.is_empty() { "" } else { "/" };
    let (device, range) = (&parcel.device, parcel.range);
    let part = if parcel.ahead { "alarms" } else { "records" };
    let (first, last, boot) = (range.after.saturating_add(1), range.last, boot_hex(range.boot));
    // Twenty digits hold every sequence: names are in order.
    format!("{prefix}{slash}{device}/{part}/{first:020}-{last:020}-{boot}.jsonl.zst")
}

fn lines(parcel: &Parcel, records: &[Record]) -> String {
    let mut head = json!({
        "kind": "batch",
        "device": parcel.device,
        "after": parcel.range.after,
        "last": parcel.range.last,
        "boot": boot_hex(parcel.range.boot),
    });
    if let Some(audit) = &parcel.audit {
        head["audit"] = json!({ "seq": audit.seq, "hash": hex(&audit.hash) });
    }
    let mut text = format!("{head}\n");
    for record in records {
        let mut line = record_json(record);
        line["device"] = json!(parcel.device);
        line["mono_ms"] = json!(record.mono_ms);
        // Writing into a String cannot fail.
        writeln!(text, "{line}").ok();
    }
    text
}

/// Puts an object into a folder that must be there: a disk that is not mounted is no empty one.
fn keep(folder: &Path, key: &str, bytes: &[u8]) -> Result<(), Refusal> {
    if !folder.is_dir() {
        let text = format!("{} is not there, or is no folder", folder.display());
        return Err(Refusal::Wrong(text));
    }
    let file = folder.join(key);
    let parent = file.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)
        .map_err(|error| Refusal::Wrong(format!("{}: {error}", parent.display())))?;
    // The folders' own names must outlive a pulled plug as well.
    for above in parent.ancestors().take_while(|above| above.starts_with(folder)) {
        disk::sync_folder(above).map_err(|error| Refusal::Line(chain(&error)))?;
    }
    disk::replace(&file, bytes).map_err(|error| Refusal::Wrong(chain(&error)))
}

fn refusal(error: &object_store::Error) -> Refusal {
    use object_store::Error;
    let text = chain(error);
    match error {
        Error::NotFound { .. }
        | Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::NotSupported { .. }
        | Error::InvalidPath { .. } => Refusal::Wrong(text),
        _ => Refusal::Line(text),
    }
}

/// A client of a store, for others in this program; in words, why there is none.
pub(crate) fn client(
    to: &CloudObjects,
    retry: RetryConfig,
) -> Result<Arc<dyn ObjectStore>, String> {
    connect(to, retry).map_err(|refusal| match refusal {
        Refusal::Line(text)
        | Refusal::Busy(text, _)
        | Refusal::Wrong(text)
        | Refusal::Batch(text) => text,
    })
}

fn connect(to: &CloudObjects, retry: RetryConfig) -> Result<Arc<dyn ObjectStore>, Refusal> {
    let bucket = to.url.host_str().unwrap_or_default();
    let options = options(to)?;
    let secret = to.password_file.as_deref().map(secret).transpose()?;
    let endpoint = to.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
    let unusable = |error: object_store::Error| Refusal::Wrong(chain(&error));
    Ok(match to.url.scheme() {
        "s3" => {
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(options)
                .with_retry(retry);
            if let Some(region) = &to.region {
                builder = builder.with_region(region);
            }
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let (Some(id), Some(secret)) = (&to.username, secret) {
                builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            }
            Arc::new(builder.build().map_err(unusable)?)
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_client_options(options)
                .with_retry(retry);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let (Some(account), Some(secret)) = (&to.username, secret) {
                builder = builder.with_account(account).with_access_key(secret);
            }
            Arc::new(builder.build().map_err(unusable)?)
        }
        _ => {
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(options)
                .with_retry(retry);
            if let Some(path) = &to.key_file {
                builder = builder.with_service_account_path(path.to_string_lossy());
            }
            Arc::new(builder.build().map_err(unusable)?)
        }
    })
}

fn options(to: &CloudObjects) -> Result<ClientOptions, Refusal> {
    let plain = to.endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
    let mut options = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(Duration::from_millis(UPLINK_CONNECT_MS_MAX))
        .with_timeout(Duration::from_millis(UPLINK_REQUEST_MS_MAX));
    if let Some(path) = &to.ca_file {
        let found = Certificate::from_pem_bundle(&authorities(path)?);
        for certificate in found.map_err(|error| wrong("ca_file", error))? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

/// Waiting is the poster's own: the library tries once more, for an answer that was lost.
fn once() -> RetryConfig {
    let retry_timeout = Duration::from_millis(UPLINK_RETRY_MS);
    RetryConfig { max_retries: 1, retry_timeout, ..RetryConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::notes::Range;

    fn store(url: &str, endpoint: Option<&str>) -> Store {
        Store::new(CloudObjects {
            url: url.parse().unwrap(),
            endpoint: endpoint.map(|url| url.parse().unwrap()),
            region: None,
            username: Some("account".into()),
            password_file: None,
            key_file: None,
            ca_file: None,
        })
    }

    fn parcel() -> Parcel {
        let range = Range { after: 6, last: 9, boot: 0xc0ffee };
        Parcel { device: "g-1".into(), range, ahead: false, audit: None }
    }

    #[test]
    fn an_object_is_named_by_its_range() {
        let name = "00000000000000000007-00000000000000000009-0000000000c0ffee.jsonl.zst";
        let url = |text: &str| text.parse().unwrap();
        for (from, prefix) in [
            ("s3://bucket", ""),
            ("s3://bucket/", ""),
            ("gs://bucket/a/b/", "a/b/"),
            ("file:///mnt/usb", ""),
        ] {
            assert_eq!(key(&url(from), &parcel()), format!("{prefix}g-1/records/{name}"));
        }
        let copy = Parcel { ahead: true, ..parcel() };
        assert_eq!(key(&url("s3://bucket"), &copy), format!("g-1/alarms/{name}"));
    }

    #[tokio::test]
    async fn a_store_that_nobody_answers_for_is_a_line_that_is_away() {
        // Over TLS, so that its parts are all here; nothing listens on this port.
        let mut store = store("s3://bucket", Some("https://127.0.0.1:1"));
        store.to.password_file = Some("/dev/null".into());
        let answer = store.put(&parcel(), vec![b"x".to_vec()]).await;
        assert!(matches!(&answer, Err(Refusal::Line(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn what_says_who_we_are_and_is_not_there_is_named() {
        let mut store = store("az://container", None);
        store.to.password_file = Some("/nowhere/secret".into());
        let Err(Refusal::Wrong(text)) = store.put(&parcel(), Vec::new()).await else {
            panic!("a file that is not there")
        };
        assert!(text.contains("password_file") && text.contains("/nowhere/secret"), "{text}");
    }
}
