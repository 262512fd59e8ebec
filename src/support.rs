//! What a person sends to others who are to help: secrets are found and left out, wherever they
//! stand. Nothing is collected here.
//!
//! What must never be here: a secret in an error, or a way to have one kept.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use url::Url;

use crate::config::secret;
use crate::limits::SUPPORT_SECRET_CHARS_MIN;

/// What stands where something was left out.
pub const LEFT_OUT: &str = "(left out)";

/// What is known to be secret.
#[derive(Default)]
pub struct Secrets {
    words: Vec<String>,
    /// Files that may hold one and could not be read, with the reason.
    pub unread: Vec<(PathBuf, String)>,
}

impl Secrets {
    /// The secrets that a configuration holds or names the files of.
    #[must_use]
    pub fn of(config: &Json) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.look("", config);
        // A part of another one would leave the rest of that one standing.
        secrets.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        secrets
    }

    fn look(&mut self, key: &str, value: &Json) {
        match value {
            Json::Object(table) => table.iter().for_each(|(key, value)| self.look(key, value)),
            Json::Array(list) => list.iter().for_each(|value| self.look(key, value)),
            Json::String(text) if is_secret_file(key) => self.read(Path::new(text)),
            Json::String(text) if is_secret(key) => self.add(text),
            Json::String(text) => {
                let url = Url::parse(text).ok();
                if let Some(password) = url.as_ref().and_then(Url::password) {
                    self.add(password);
                }
            }
            Json::Number(number) if is_secret(key) => self.add(&number.to_string()),
            _ => {}
        }
    }

    fn read(&mut self, path: &Path) {
        match secret(path) {
            // A key in PEM is some lines, of which one alone must not be there either.
            Ok(text) => text.lines().for_each(|line| self.add(line.trim())),
            Err(error) => self.unread.push((path.into(), error.to_string())),
        }
    }

    /// Words that are in every text hide more than they protect.
    fn add(&mut self, word: &str) {
        let is_frame = word.starts_with("-----");
        if word.chars().count() >= SUPPORT_SECRET_CHARS_MIN && !is_frame {
            self.words.push(word.to_owned());
        }
    }

    /// A value without secrets: those that are known wherever they stand, whatever a key says is
    /// one, and what stands before the host of an address.
    #[must_use]
    pub fn without(&self, value: Json) -> Json {
        match value {
            Json::Object(table) => {
                let kept = table.into_iter().map(|(key, value)| {
                    let hidden = is_secret(&key) && !is_secret_file(&key) && !value.is_object();
                    let value = if hidden { LEFT_OUT.into() } else { self.without(value) };
                    (self.text(&key), value)
                });
                Json::Object(kept.collect::<Map<_, _>>())
            }
            Json::Array(list) => list.into_iter().map(|value| self.without(value)).collect(),
            Json::String(text) => Json::String(self.text(&text)),
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        self.words.iter().fold(without_user(text), |text, word| {
            if text.contains(word.as_str()) { text.replace(word.as_str(), LEFT_OUT) } else { text }
        })
    }
}

/// A key that names a secret itself. Tokens that are counted are none.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace("tokens", "");
    ["password", "secret", "token", "passphrase", "api_key"].iter().any(|word| key.contains(word))
}

/// A key that names a file with a secret. Certificates are none.
#[must_use]
pub fn is_secret_file(key: &str) -> bool {
    key.ends_with("_file") && (is_secret(key) || key == "key_file")
}

/// A text whose addresses say nothing before their host.
fn without_user(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        kept.push_str(before);
        let end = after.find(['/', '?', '#', '"', ' ', '\'']).unwrap_or(after.len());
        rest = match after.get(..end).and_then(|host| host.rfind('@')) {
            Some(user) => {
                kept.push_str(LEFT_OUT);
                &after[user..]
            }
            None => after,
        };
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_left_out_wherever_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            crate::disk::replace(&path, text.as_bytes()).unwrap();
            path
        };
        let password = put("password", "hunter2-bus\n");
        let key = put("key", "-----BEGIN PRIVATE KEY-----\nMIIkeykeykey\n-----END-----\n");
        let config = json!({
            "bus": {"url": "mqtts://anna:in-the-url@broker", "password_file": password,
                "key_file": key, "ca_file": "/etc/ca.pem"},
            "web": {"token_file": "/nowhere"},
            "cloud": [{"password": "in-the-file", "name": "far"}],
            "note": [{"text": "the door opens with hunter2-bus"}],
        });
        let secrets = Secrets::of(&config);
        assert_eq!(secrets.unread.len(), 1);
        let event = json!({"text": "refused: in-the-url, MIIkeykeykey", "in-the-file": 1});
        let kept = secrets.without(json!([config, event])).to_string();
        for word in ["hunter2-bus", "in-the-url", "in-the-file", "MIIkeykeykey", "anna"] {
            assert!(!kept.contains(word), "{word}: {kept}");
        }
        for word in ["mqtts://(left out)@broker", "/etc/ca.pem", "far", "/nowhere"] {
            assert!(kept.contains(word), "{word}: {kept}");
        }
    }

    #[test]
    fn every_address_of_a_text_loses_its_user() {
        let text = "http://a:b@c/d@e then s3://bucket/x@y and tcp://u@h";
        let kept = "http://(left out)@c/d@e then s3://bucket/x@y and tcp://(left out)@h";
        assert_eq!(without_user(text), kept);
    }
}
