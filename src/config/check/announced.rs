//! `announced` of sensors and actuators.

use super::lines::carrier;
use super::section::Section;
use super::{Checker, quoted};
use crate::config::announced::{Announced, Part};
use crate::discover::is_source;

const FORM: &str = "the topic of an announcement, as `outpost discover` prints it: \
                    \"homeassistant/sensor/0x01/temperature/config\"";

impl Checker<'_> {
    /// Which announcement it was accepted from, if it was from one.
    pub(super) fn announced(&mut self, section: &mut Section<'_>, part: Part) {
        if carrier(section) != "topic" {
            section.out_of_place(self, "announced", "only with `topic`");
        }
        let Some(topic) = self.topic(section, "announced", false) else { return };
        if is_source(&topic) {
            self.accepted.push(Announced { part, topic });
        } else {
            section.fault(self, "announced", quoted(&topic), FORM);
        }
    }
}
