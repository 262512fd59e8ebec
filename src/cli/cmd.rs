//! `outpost cmd`: sends a device command over the device's own bus and follows its states to the
//! end (design §5). It says what the device says and decides nothing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::limits;
use crate::link::client::{Class, LinkConfig, LinkEvent, Outgoing, Pace};
use crate::link::topics::{CommandId, DeviceName, DeviceTopic, KindWord};
use crate::link::{Endpoint, spawn};

/// Arguments of `outpost cmd`.
#[derive(Args, Clone, Debug)]
pub struct CmdArgs {
    /// set, mode, goal, rule, note, ask, approve, deny, rate, model, update or restart
    kind: String,
    /// What is asked: key=value …, one JSON object, or for `ask` and `note` the words
    #[arg(value_name = "WHAT")]
    what: Vec<String>,
    /// Configuration of the device: its name and its [bus]
    #[arg(long, conflicts_with_all = ["device", "url"])]
    config: Option<PathBuf>,
    /// Name of the device
    #[arg(long, required_unless_present = "config")]
    device: Option<String>,
    /// Broker, as mqtt://host:port
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: String,
    /// Id of the command; the same id is carried out once [default: made of the time]
    #[arg(long)]
    id: Option<String>,
    /// Most seconds to follow it; it goes on without us after that
    #[arg(long, default_value_t = 60, value_parser = seconds)]
    seconds: u64,
}

fn seconds(text: &str) -> Result<u64, String> {
    let most = limits::CMD_FOLLOW_S_MAX;
    let found = text.parse().ok().filter(|found| (1..=most).contains(found));
    found.ok_or_else(|| format!("allowed is a whole number from 1 to {most}"))
}

/// Sends the command and prints its states. Succeeds where the command did.
///
/// # Errors
/// Where it cannot be written down, the broker does not answer, or nothing ends in the time given.
pub fn run(args: &CmdArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (endpoint, device) = match &args.config {
        Some(path) => match super::run::load(path)? {
            Ok(config) => (Endpoint::of(&config.bus), config.device.name.clone()),
            Err(code) => return Ok(code),
        },
        None => (super::discover::of_url(&args.url)?, args.device.clone().unwrap_or_default()),
    };
    let device: DeviceName = device.parse().context("--device")?;
    let kind: KindWord = args.kind.parse().context("the command's kind")?;
    let id = args.id.clone().map_or_else(id_of_now, Ok)?;
    let id: CommandId = id.parse().context("--id")?;
    let payload = payload(&args.kind, &args.what)?;
    let command = DeviceTopic::Command { kind: kind.clone(), id: id.clone() };
    let state = DeviceTopic::CommandState { kind, id };
    let sent = Sent {
        topic: command.build(&device),
        answer: state.build(&device),
        payload: payload.to_string(),
        json,
        name: format!("{}/{}", args.kind, args.id.as_deref().unwrap_or("")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(endpoint, &sent, Duration::from_secs(args.seconds)))
}

/// A new id: nobody sends two commands in one microsecond.
fn id_of_now() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(format!("cmd-{:x}-{:x}", now.as_micros(), std::process::id()))
}

/// The words of the command line as the command's JSON object.
fn payload(kind: &str, what: &[String]) -> anyhow::Result<Json> {
    if let [one] = what
        && one.trim_start().starts_with('{')
    {
        let read: Json = serde_json::from_str(one).with_context(|| format!("{one:?}: no JSON"))?;
        return Ok(read);
    }
    let words = what.is_empty() || what.iter().any(|word| !word.contains('='));
    if kind == "note" && words {
        return Ok(json!({ "put": what.join(" ") }));
    }
    if kind == "ask" && words {
        return Ok(json!({ "text": what.join(" ") }));
    }
    let mut object = Map::new();
    for word in what {
        let Some((key, value)) = word.split_once('=') else {
            bail!("found {word:?}, allowed are key=value …, or one JSON object");
        };
        // A number, true or false as such; anything else is a text.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
        object.insert(key.to_owned(), value);
    }
    Ok(Json::Object(object))
}

/// A command on its way.
struct Sent {
    topic: String,
    answer: String,
    payload: String,
    name: String,
    json: bool,
}

impl Sent {
    /// Prints a state; whether it is the last one, and a good one.
    fn print(&self, payload: &[u8]) -> Option<bool> {
        let state: Json = serde_json::from_slice(payload).ok()?;
        let word = state["state"].as_str()?.to_owned();
        let reason = state["reason"].as_str().unwrap_or_default();
        if self.json {
            println!("{state}");
        } else if reason.is_empty() {
            println!("{word}");
        } else {
            println!("{word}: {reason}");
        }
        match word.as_str() {
            "succeeded" => Some(true),
            "failed" | "rejected" | "expired" => Some(false),
            _ => None,
        }
    }
}

async fn follow(endpoint: Endpoint, sent: &Sent, within: Duration) -> anyhow::Result<ExitCode> {
    let place = format!("{}:{}", endpoint.host, endpoint.port);
    let (tell, mut events) = mpsc::channel(limits::LINK_EVENTS_MAX);
    let config = LinkConfig {
        endpoint,
        client_id: format!("outpost-cmd-{}", std::process::id()),
        is_lasting: false,
        will: None,
        subscriptions: vec![sent.answer.clone()],
        receipts: Vec::new(),
        keep_alive: Duration::from_secs(limits::KEEP_ALIVE_S),
        pace: Pace::default(),
    };
    let link = spawn(config, tell).context("the command's topic")?;
    let end = Instant::now() + within;
    let mut outage = "no answer".to_owned();
    let (mut is_sent, mut is_stored) = (false, false);
    let good = loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = sleep_until(end) => None,
        };
        match event {
            Some(LinkEvent::Up { .. }) if !is_sent => {
                is_sent = true;
                // Sent until the broker has it: an id is carried out once, however often it comes.
                link.publish(Outgoing {
                    token: 1,
                    topic: sent.topic.clone(),
                    payload: sent.payload.clone().into_bytes(),
                    retain: false,
                    class: Class::Log,
                })?;
            }
            Some(LinkEvent::Acked { .. }) => is_stored = true,
            Some(LinkEvent::Message { topic, payload, .. }) if topic == sent.answer => {
                if let Some(good) = sent.print(&payload) {
                    break good;
                }
            }
            Some(LinkEvent::Down { reason }) => outage = reason,
            Some(LinkEvent::SubscriptionRefused { filter }) => {
                bail!("{place}: the broker refuses the subscription {filter}");
            }
            Some(_) => {}
            None if is_stored => bail!(
                "{} has not ended in {} s: the broker has it, the device has not said so",
                sent.name,
                within.as_secs()
            ),
            None => bail!("{place}: {outage}"),
        }
    };
    link.close(Vec::new()).await;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_object_that_the_topic_takes() {
        let read = |kind: &str, what: &[&str]| {
            let what: Vec<_> = what.iter().map(|word| (*word).to_owned()).collect();
            payload(kind, &what).map(|json| json.to_string()).map_err(|error| error.to_string())
        };
        let set = read("set", &["actuator=fan", "value=on", "hold_s=600"]);
        assert_eq!(set.unwrap(), r#"{"actuator":"fan","value":"on","hold_s":600}"#);
        let ask = read("ask", &["turn", "on", "the fan"]);
        assert_eq!(ask.unwrap(), r#"{"text":"turn on the fan"}"#);
        let goal = read("goal", &[r#"{"remove":"climate"}"#]);
        assert_eq!(goal.unwrap(), r#"{"remove":"climate"}"#);
        assert_eq!(read("restart", &[]).unwrap(), "{}");
        assert!(read("set", &["fan"]).unwrap_err().contains("allowed are key=value"));
        assert!(read("goal", &["{no"]).unwrap_err().contains("no JSON"));
    }
}
