//! Pages with values in them, asked for by HTTP. What is in a page is not read here: it goes on as
//! it is, like the payload of a topic.

use std::error::Error;
use std::time::Duration;

use reqwest::{Certificate, Client, Response};
use tokio::sync::mpsc;

use super::{Found, Source, Trouble, Who};
use crate::config::{self, Http, Line};
use crate::limits::{
    HTTP_BACKOFF_MS_MAX, HTTP_BACKOFF_MS_MIN, HTTP_BODY_BYTES_MAX, SOURCE_CONNECT_MS_MAX,
};
use crate::link::backoff::Pace;
use crate::link::serial::{LineEvent, LineHandle, Set};

/// Starts to ask for a page.
#[must_use]
pub fn spawn(line: u16, config: &Http, pace: Pace, events: mpsc::Sender<LineEvent>) -> LineHandle {
    let (said, every) = (Line::Http(config.clone()).said(), config.every);
    // A server that refuses is not asked more often than one that answers, or not much.
    let most = Duration::from_millis(HTTP_BACKOFF_MS_MAX);
    let backoff_min = Duration::from_millis(HTTP_BACKOFF_MS_MIN);
    let backoff_max = every.clamp(pace.backoff_max.min(most), most);
    let pace = Pace { backoff_min, backoff_max, ..pace };
    let source = Page { config: config.clone(), client: None };
    super::spawn(Who { line, said, every }, source, events, pace)
}

struct Page {
    config: Http,
    client: Option<Client>,
}

impl Source for Page {
    async fn open(&mut self) -> Result<(), String> {
        let mut builder = Client::builder()
            .connect_timeout(Duration::from_millis(SOURCE_CONNECT_MS_MAX))
            .timeout(self.config.answer_within)
            // The token goes to the host of the configuration and to no other.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &self.config.ca_file {
            let wrong = |text: String| format!("`ca_file`: {}: {text}", path.display());
            let pem = tokio::fs::read(path).await.map_err(|error| wrong(error.to_string()))?;
            let found = Certificate::from_pem_bundle(&pem);
            for certificate in found.map_err(|error| wrong(error.to_string()))? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        self.client = Some(builder.build().map_err(said)?);
        Ok(())
    }

    fn close(&mut self) {
        self.client = None;
    }

    fn begin(&mut self) {}

    fn parts(&self) -> usize {
        1
    }

    async fn ask(&mut self, _part: usize) -> Result<Vec<Found>, Trouble> {
        let Some(client) = &self.client else { return Err(Trouble::Broken("not open".into())) };
        let mut request = client.get(self.config.url.clone());
        if let Some(path) = self.config.token_file.clone() {
            let read = tokio::task::spawn_blocking(move || {
                let shown = path.display().to_string();
                config::secret(&path).map_err(|error| format!("`token_file`: {shown}: {error}"))
            });
            let token = read.await.map_err(|error| Trouble::Broken(error.to_string()))?;
            request = request.bearer_auth(token.map_err(Trouble::Broken)?);
        }
        let answer = request.send().await.map_err(|error| Trouble::Broken(said(error)))?;
        if !answer.status().is_success() {
            return Err(Trouble::Broken(format!("it answers {}", answer.status())));
        }
        match body(answer).await.map_err(Trouble::Broken)? {
            Some(text) => Ok(vec![(0, Ok(text))]),
            None => Err(Trouble::Refused("what it sends is no text, or too long".into())),
        }
    }

    async fn set(&mut self, _set: &Set) -> Result<Found, Trouble> {
        Err(Trouble::Refused("a page takes no commands".into()))
    }
}

/// The text of a page; `None`: it is none, or longer than one may be.
async fn body(mut answer: Response) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        if bytes.len() + chunk.len() > HTTP_BODY_BYTES_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(bytes).ok())
}

/// An error with its causes, without the address.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}
