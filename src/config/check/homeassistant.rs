//! `[homeassistant]`: where Outpost announces itself.

use super::section::Section;
use super::{Checker, quoted};
use crate::config::HomeAssistant;
use crate::discover::DEFAULT_PREFIX;

const PREFIX_FORM: &str = "the first levels of a topic, 1 to 64 of a-z, A-Z, 0-9, -, _ and / \
                           between them, such as \"homeassistant\"";
/// Longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 64;

impl Checker<'_> {
    pub(super) fn homeassistant(&mut self, mut section: Section<'_>) -> Option<HomeAssistant> {
        let prefix = section.text(self, "prefix").unwrap_or(DEFAULT_PREFIX);
        let level = |level: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !level.is_empty() && level.chars().all(fits)
        };
        let fits = prefix.len() <= PREFIX_BYTES_MAX && prefix.split('/').all(level);
        if !fits {
            section.fault(self, "prefix", quoted(prefix), PREFIX_FORM);
        }
        section.finish(self);
        fits.then(|| HomeAssistant { prefix: prefix.to_owned() })
    }
}
