//! What is said to a hawkBit server: its Direct Device Integration API, the part of it that a board
//! needs. Addresses are made of the configuration's own and of an action's id, never followed as
//! the server wrote them: the token goes to one place. What must never be here: a decision.
//!
//! Not the crate `hawkbit`: it brings a second TLS stack (aws-lc, by its HTTP client).

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use thiserror::Error;
use ureq::http::Response;
use ureq::{Agent, Body};
use url::Url;

use crate::config::{HawkBit, secret};
use crate::limits;

/// The server was not asked, or gave no answer of use.
#[derive(Debug, Error)]
pub(super) enum DdiError {
    /// Our token.
    #[error("hawkBit: its token {}", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The line, or what comes over it.
    #[error("hawkBit does not answer")]
    Http(#[source] Box<ureq::Error>),
    /// It says no.
    #[error("hawkBit answers {}{}", .0, hint(*.0))]
    Status(u16),
    /// It says something else than its documentation.
    #[error("hawkBit answers what nobody can read")]
    Answer(#[source] serde_json::Error),
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": is the token this board's, and its kind allowed on the server?",
        404 => ": does it know this tenant and controller?",
        _ => "",
    }
}

impl DdiError {
    /// The action is not there any more, or has ended.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, DdiError::Status(404 | 410))
    }
}

/// How an action stands, in the server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Execution {
    /// It goes on.
    Proceeding,
    /// Its files are here.
    Downloaded,
    /// What was asked for cannot be done.
    Rejected,
    /// It is over, well.
    Done,
    /// It is over, and came to nothing.
    Failed,
}

impl Execution {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Execution::Proceeding => ("proceeding", "none"),
            Execution::Downloaded => ("downloaded", "none"),
            Execution::Rejected => ("rejected", "none"),
            Execution::Done => ("closed", "success"),
            Execution::Failed => ("closed", "failure"),
        }
    }
}

/// What a question comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// When to ask again.
    pub(super) sleep: Option<Duration>,
    /// It wants to know more of the board.
    pub(super) wants_attributes: bool,
    /// An action that is to be carried out.
    pub(super) deployment: Option<String>,
    /// A cancellation.
    pub(super) cancel: Option<String>,
}

/// How a part of a deployment is meant. Words of later days mean that nothing is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Handling {
    /// When it suits the board.
    Attempt,
    /// At once.
    Forced,
    /// Not now.
    #[serde(other)]
    Skip,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    metadata: Vec<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    key: String,
    value: String,
}

/// What is to be installed.
#[derive(Debug, Deserialize)]
pub(super) struct Deployment {
    /// Whether its files may come.
    pub(super) download: Handling,
    /// Whether it may be installed.
    pub(super) update: Handling,
    #[serde(default)]
    chunks: Vec<Chunk>,
}

/// The software module that names a release by its version.
const MODULE: &str = "outpost";
/// The metadata of any module that does.
const METADATA: &str = "outpost-release";

impl Deployment {
    /// The release that it names.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(super) fn release(&self) -> Result<&str, String> {
        let told = self.chunks.iter().flat_map(|chunk| &chunk.metadata);
        let told = told.filter(|one| one.key == METADATA).map(|one| one.value.as_str());
        let modules = self.chunks.iter().filter(|chunk| chunk.name == MODULE);
        let named: Vec<_> = modules.map(|chunk| chunk.version.as_str()).collect();
        let told: Vec<_> = told.collect();
        match if told.is_empty() { &named[..] } else { &told[..] } {
            [release] => Ok(release),
            [] => Err(format!(
                "no release is named: neither a software module {MODULE}, by its version, nor one \
                 with metadata {METADATA} that devices may see"
            )),
            several => Err(format!("several releases are named: {}", several.join(", "))),
        }
    }
}

/// One server, as one board sees it.
#[derive(Debug)]
pub(super) struct Server {
    agent: Agent,
    base: String,
    config: HawkBit,
}

impl Server {
    /// For a device.
    pub(super) fn new(config: HawkBit, device: &str) -> Server {
        let agent = Agent::config_builder()
            .user_agent(concat!("outpost", "/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_millis(limits::HAWKBIT_ANSWER_MS_MAX)))
            .build()
            .into();
        let (url, tenant) = (config.url.as_str().trim_end_matches('/'), &config.tenant);
        let controller = config.controller.as_deref().unwrap_or(device);
        let base = format!("{url}/{tenant}/controller/v1/{controller}");
        Server { agent, base, config }
    }

    /// Asks what there is.
    pub(super) fn ask(&self) -> Result<Base, DdiError> {
        self.get("").map(|answer: Answer| answer.read())
    }

    /// What an action is to install.
    pub(super) fn deployment(&self, action: &str) -> Result<Deployment, DdiError> {
        let answer: Whole = self.get(&format!("/deploymentBase/{action}"))?;
        Ok(answer.deployment)
    }

    /// Which action a cancellation is for.
    pub(super) fn stopped(&self, cancel: &str) -> Result<String, DdiError> {
        let answer: Cancel = self.get(&format!("/cancelAction/{cancel}"))?;
        Ok(answer.cancel.stop)
    }

    /// Tells how an action stands.
    pub(super) fn tell(&self, action: &str, how: Execution, why: &str) -> Result<(), DdiError> {
        self.feedback("deploymentBase", action, how, why)
    }

    /// Answers a cancellation.
    pub(super) fn answer(&self, cancel: &str, how: Execution, why: &str) -> Result<(), DdiError> {
        self.feedback("cancelAction", cancel, how, why)
    }

    /// Tells who this board is, in the place of what was told before.
    pub(super) fn introduce(&self, all: &BTreeMap<String, String>) -> Result<(), DdiError> {
        let body = json!({"mode": "replace", "data": all});
        let request = self.agent.put(format!("{}/configData", self.base));
        sent(request.header("Authorization", self.word()?), &body)
    }

    fn feedback(&self, what: &str, id: &str, how: Execution, why: &str) -> Result<(), DdiError> {
        let (execution, finished) = how.words();
        let why: String = why.chars().take(limits::HAWKBIT_TOLD_CHARS_MAX).collect();
        let status =
            json!({"execution": execution, "result": {"finished": finished}, "details": [why]});
        let request = self.agent.post(format!("{}/{what}/{id}/feedback", self.base));
        let request = request.header("Authorization", self.word()?);
        sent(request, &json!({"id": id, "status": status}))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DdiError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.header("Authorization", self.word()?);
        let answer = request.header("Accept", "application/hal+json, application/json").call();
        let mut answer = well(answer)?;
        let body = answer.body_mut().with_config().limit(limits::HAWKBIT_ANSWER_BYTES_MAX);
        let bytes = body.read_to_vec().map_err(|error| DdiError::Http(Box::new(error)))?;
        serde_json::from_slice(&bytes).map_err(DdiError::Answer)
    }

    /// Who we are; read at each question, so that a new token needs no restart.
    fn word(&self) -> Result<String, DdiError> {
        let token = &self.config.token;
        let said = secret(token.file())
            .map_err(|source| DdiError::Token { path: token.file().into(), source })?;
        Ok(format!("{} {said}", token.scheme()))
    }
}

fn sent(
    request: ureq::RequestBuilder<ureq::typestate::WithBody>,
    body: &Json,
) -> Result<(), DdiError> {
    let request = request.header("Content-Type", "application/json");
    well(request.send(body.to_string().as_bytes())).map(drop)
}

fn well(answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, DdiError> {
    let answer = answer.map_err(|error| DdiError::Http(Box::new(error)))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(DdiError::Status(status.as_u16())),
    }
}

#[derive(Debug, Deserialize)]
struct Whole {
    deployment: Deployment,
}

#[derive(Debug, Deserialize)]
struct Cancel {
    #[serde(rename = "cancelAction")]
    cancel: Stop,
}

#[derive(Debug, Deserialize)]
struct Stop {
    #[serde(rename = "stopId")]
    stop: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    config: Option<Settings>,
    #[serde(default, rename = "_links")]
    links: BTreeMap<String, Link>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    polling: Option<Polling>,
}

#[derive(Debug, Deserialize)]
struct Polling {
    #[serde(default)]
    sleep: String,
}

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    href: String,
}

impl Answer {
    fn read(self) -> Base {
        let action = |name: &str| self.links.get(name).and_then(|link| id(&link.href));
        let (deployment, cancel) = (action("deploymentBase"), action("cancelAction"));
        let polling = self.config.and_then(|config| config.polling);
        Base {
            sleep: polling.and_then(|polling| sleep(&polling.sleep)),
            wants_attributes: self.links.contains_key("configData"),
            deployment,
            cancel,
        }
    }
}

/// The id at the end of an address.
fn id(href: &str) -> Option<String> {
    let url = Url::parse(href).ok()?;
    let last = url.path_segments()?.next_back()?;
    let is_plain = last.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = !last.is_empty() && last.len() <= limits::HAWKBIT_NAME_BYTES_MAX && is_plain;
    fits.then(|| last.to_owned())
}

/// `00:05:00`, within bounds.
fn sleep(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten().map(u64::from);
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    let ms = (hours * 3600 + minutes * 60 + seconds) * 1000;
    let ms = ms.clamp(limits::HAWKBIT_EVERY_MS_MIN, limits::HAWKBIT_EVERY_MS_MAX);
    Some(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        serde_json::from_str::<Answer>(text).unwrap().read()
    }

    #[test]
    fn an_answer_is_read_and_only_the_ids_of_its_addresses_are_used() {
        let all = r#"{"config":{"polling":{"sleep":"00:05:01"}},"_links":{
            "deploymentBase":{"href":"http://other/x/controller/v1/b/deploymentBase/12?c=-3"},
            "cancelAction":{"href":"https://h/T/controller/v1/b/cancelAction/9"},
            "configData":{"href":"https://h/T/controller/v1/b/configData"},"later":{}}}"#;
        let found = base(all);
        assert_eq!(found.sleep, Some(Duration::from_secs(301)));
        assert_eq!((found.deployment.as_deref(), found.cancel.as_deref()), (Some("12"), Some("9")));
        assert!(found.wants_attributes);
        assert_eq!(base("{}"), Base::default());
        let odd = |href: &str| {
            base(&format!(r#"{{"_links":{{"deploymentBase":{{"href":"{href}"}}}}}}"#)).deployment
        };
        for href in ["", "12", "http://h/", "http://h/a%2Fb", "http://h/..%2f", "ftp:x"] {
            assert_eq!(odd(href), None, "{href}");
        }
    }

    #[test]
    fn how_often_is_the_servers_to_say_within_bounds() {
        let seconds = |text: &str| sleep(text).map(|long| long.as_secs());
        assert_eq!(seconds("01:00:05"), Some(3605));
        assert_eq!(seconds("00:00:00"), Some(1));
        assert_eq!(seconds("99999:00:00"), Some(86_400));
        for wrong in ["", "5", "00:05", "a:b:c", "-1:0:0", "4294967296:0:0"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_release_is_named_by_one_module_or_one_metadata() {
        let release = |chunks: Json| {
            let whole = json!({"download": "forced", "update": "later", "chunks": chunks});
            let read: Deployment = serde_json::from_value(whole).unwrap();
            assert_eq!((read.download, read.update), (Handling::Forced, Handling::Skip));
            read.release().map(str::to_owned)
        };
        let (one, other) = (
            json!({"name": "outpost", "version": "1.4.0"}),
            json!({"name": "camera", "version": "7",
                "metadata": [{"key": "outpost-release", "value": "1.5.0"}]}),
        );
        assert_eq!(release(json!([one, {"name": "x"}])), Ok("1.4.0".into()));
        assert_eq!(release(json!([one, other])), Ok("1.5.0".into()));
        assert!(release(json!([])).unwrap_err().contains("no release is named"));
        let several = release(json!([one, one])).unwrap_err();
        assert_eq!(several, "several releases are named: 1.4.0, 1.4.0");
    }
}
