//! The call to a large model in the cloud, over an OpenAI-compatible API: one question at a time,
//! on a thread of its own, so that neither TLS nor a slow line is felt by those who act.
//!
//! What must never be here: a choice, a budget, a word of the answer beyond the option that it
//! names, a secret in a message.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::mpsc;

use crate::agent::{CloudAnswer, CloudFailure, CloudQuestion};
use crate::causes::chain;
use crate::config::{self, Escalate};
use crate::limits::{
    ESCALATE_ANSWER_BYTES_MAX, ESCALATE_CONNECT_MS_MAX, ESCALATE_QUEUE_MAX,
    ESCALATE_REASON_CHARS_MAX,
};

/// What became of a question.
#[derive(Debug)]
pub struct Answered {
    /// The question's id.
    pub id: u64,
    /// What it chose, or why there is no answer.
    pub result: Result<CloudAnswer, CloudFailure>,
    /// From question to answer, in milliseconds.
    pub ms: f64,
}

/// Our end of the thread that asks. It ends when this is gone and the last question has.
#[derive(Debug)]
pub struct Line {
    questions: mpsc::Sender<CloudQuestion>,
}

impl Line {
    /// Starts the thread; answers come out of the other half.
    ///
    /// # Errors
    /// Where the system has no thread for it.
    pub fn open(config: Escalate) -> std::io::Result<(Line, mpsc::Receiver<Answered>)> {
        let (questions, mut asked) = mpsc::channel::<CloudQuestion>(ESCALATE_QUEUE_MAX);
        let (tell, answers) = mpsc::channel(ESCALATE_QUEUE_MAX);
        let loop_ = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config = Arc::new(config);
        std::thread::Builder::new().name("escalate".into()).spawn(move || {
            loop_.block_on(async move {
                while let Some(question) = asked.recv().await {
                    let begun = Instant::now();
                    let result = ask(&config, &question).await;
                    let ms = begun.elapsed().as_secs_f64() * 1e3;
                    // Nobody listens any more: this is the end.
                    if tell.send(Answered { id: question.id, result, ms }).await.is_err() {
                        return;
                    }
                }
            });
        })?;
        Ok((Line { questions }, answers))
    }

    /// Has a question asked. Where too many wait it is given up at once.
    ///
    /// # Errors
    /// The question's end.
    pub fn ask(&self, question: CloudQuestion) -> Result<(), CloudFailure> {
        self.questions.try_send(question).map_err(|_| local("too many questions wait".into()))
    }
}

/// Nothing went out.
fn local(text: String) -> CloudFailure {
    CloudFailure { text, cost: false, late: false, wait: None }
}

/// A client of its own for each question: there are a few a day, and whoever changes the key's file
/// need not start the agent again.
fn client(config: &Escalate) -> Result<(Client, Option<String>), CloudFailure> {
    let unreadable = |key: &str, path: &std::path::Path, error: std::io::Error| {
        local(format!("`{key}`: {}: {error}", path.display()))
    };
    let mut builder = Client::builder()
        .connect_timeout(Duration::from_millis(ESCALATE_CONNECT_MS_MAX))
        .timeout(config.timeout)
        // The key goes to the host of the configuration and to no other.
        .redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|error| unreadable("ca_file", path, error))?;
        let found = Certificate::from_pem_bundle(&pem);
        for certificate in found.map_err(|error| local(format!("`ca_file`: {error}")))? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    let key = config
        .key_file
        .as_deref()
        .map(|path| config::secret(path).map_err(|error| unreadable("key_file", path, error)));
    let client = builder.build().map_err(|error| local(chain(&error)))?;
    Ok((client, key.transpose()?))
}

async fn ask(config: &Escalate, question: &CloudQuestion) -> Result<CloudAnswer, CloudFailure> {
    let (client, key) = client(config)?;
    let url = format!("{}/chat/completions", config.url.as_str().trim_end_matches('/'));
    let body = json!({
        "model": config.model,
        "messages": [
            {"role": "system", "content": question.instruction},
            {"role": "user", "content": question.text},
        ],
        "max_tokens": config.answer_tokens,
        "temperature": 0,
    });
    let mut request = client.post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let mut response = request.body(body.to_string()).send().await.map_err(of_line)?;
    let (status, wait) = (response.status(), retry_after(&response));
    let body = body_of(&mut response).await?;
    if !status.is_success() {
        return Err(refused(status, &body, wait));
    }
    // One that cannot be read names no option: it has cost something all the same.
    Ok(answer::read(&body, question.options))
}

fn of_line(error: reqwest::Error) -> CloudFailure {
    let late = error.is_timeout() && !error.is_connect();
    // What was never sent costs nothing.
    let cost = !error.is_connect() && !error.is_builder();
    CloudFailure { text: chain(&error.without_url()), cost, late, wait: None }
}

/// A server that says no does no work, and asks for none to be paid.
fn refused(status: StatusCode, body: &[u8], wait: Option<Duration>) -> CloudFailure {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(ESCALATE_REASON_CHARS_MAX)
        .collect();
    CloudFailure { wait, ..local(format!("HTTP {status}: {}", text.trim())) }
}

/// Seconds of the header; a date is as good as none.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer, up to the bound.
async fn body_of(answer: &mut Response) -> Result<Vec<u8>, CloudFailure> {
    let mut body = Vec::new();
    while body.len() < ESCALATE_ANSWER_BYTES_MAX
        && let Some(part) = answer.chunk().await.map_err(of_line)?
    {
        let room = ESCALATE_ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
    }
    Ok(body)
}
