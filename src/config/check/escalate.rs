//! `[escalate]`: the model in the cloud.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, Raw};
use crate::config::Escalate;
use crate::limits::{
    ESCALATE_ANSWER_TOKENS_DEFAULT, ESCALATE_ANSWER_TOKENS_MAX, ESCALATE_CALLS_DEFAULT,
    ESCALATE_CALLS_MAX, ESCALATE_PRICE_MAX, ESCALATE_TIMEOUT_MS_DEFAULT, ESCALATE_TIMEOUT_MS_MAX,
    ESCALATE_TIMEOUT_MS_MIN,
};

const URL_FORM: &str = "the base of an OpenAI-compatible API, such as \
                        \"https://api.example.org/v1\", without user and query";
const MODEL_FORM: &str = "the model's name at that server";
const WITHHOLD_FORM: &str = "a list of \"notes\" and \"names\"";
const PRICE_FORM: &str = "a number from 0 to 1000000, of your own unit";
/// Longest name of a model there, in bytes; real ones have some 40.
const MODEL_BYTES_MAX: usize = 256;

impl Checker<'_> {
    pub(super) fn escalate(&mut self, mut section: Section<'_>) -> Option<Escalate> {
        let bare = |url: &Url| url.query().is_none() && url.fragment().is_none();
        let url = self.web_url(&mut section, URL_FORM, bare);
        let model = match section.get("model") {
            None => {
                section.missing(self, "model", MODEL_FORM);
                None
            }
            Some(_) => section.bounded_text(self, "model", MODEL_BYTES_MAX).map(str::to_owned),
        };
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let (key_file, ca_file) = (path("key_file"), path("ca_file"));
        let range = ESCALATE_TIMEOUT_MS_MIN..=ESCALATE_TIMEOUT_MS_MAX;
        let timeout = section.duration_or(self, "timeout", range, ESCALATE_TIMEOUT_MS_DEFAULT);
        let (withhold_notes, withhold_names) = self.withheld(&mut section);
        let calls = 1..=ESCALATE_CALLS_MAX;
        let calls_per_day = section.integer(self, "calls_per_day", calls, ESCALATE_CALLS_DEFAULT);
        let tokens = 1..=ESCALATE_ANSWER_TOKENS_MAX;
        let default = ESCALATE_ANSWER_TOKENS_DEFAULT;
        let answer_tokens = section.integer(self, "answer_tokens", tokens, default);
        let money = |n: f64| (0.0..=ESCALATE_PRICE_MAX).contains(&n);
        let mut price = |key| section.number(self, key, PRICE_FORM, money);
        let (read, written) = (price("price_read"), price("price_written"));
        let money_per_day = price("money_per_day");
        if section.has("money_per_day") && !section.has("price_read") {
            let found = "`money_per_day` without `price_read`".to_owned();
            section.fault(self, "money_per_day", found, "both, or `calls_per_day` alone");
        }
        self.warn_of_open_secret(&section, "key_file", url.as_ref());
        section.finish(self);
        Some(Escalate {
            url: url?,
            model: model?,
            key_file,
            ca_file,
            timeout: timeout.max(Duration::from_millis(ESCALATE_TIMEOUT_MS_MIN)),
            withhold_notes,
            withhold_names,
            calls_per_day,
            money_per_day,
            price_read: read.unwrap_or(0.0),
            price_written: written.unwrap_or(0.0),
            answer_tokens,
        })
    }

    /// What stays here: notes, names.
    fn withheld(&mut self, section: &mut Section<'_>) -> (bool, bool) {
        let (mut notes, mut names) = (false, false);
        for node in section.list(self, "withhold", WITHHOLD_FORM).unwrap_or_default() {
            match &node.raw {
                Raw::Text(word) if word == "notes" => notes = true,
                Raw::Text(word) if word == "names" => names = true,
                _ => section.fault(self, "withhold", node.raw.words(), WITHHOLD_FORM),
            }
        }
        (notes, names)
    }

    /// Of the file of a secret that goes to a `url` as it is.
    pub(super) fn warn_of_open_secret(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        url: Option<&Url>,
    ) {
        let is_here = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        };
        if section.has(key) && url.is_some_and(|url| url.scheme() == "http" && !is_here(url)) {
            let spot = section.spot(key);
            self.warn(&spot, "goes over the network as it is with this `url`: take https".into());
        }
    }
}
