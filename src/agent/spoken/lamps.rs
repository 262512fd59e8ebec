//! Lamps and what else is lit: "light up the path", "the lamp out". What must never be here:
//! devices that give no light.

use super::Said;
use super::names::Mention;
use super::orders::POLITE_FIRST;
use super::words::has;

/// Last words of names of what is lit, beside lamps.
const LIT: &str = "\
    tube tubes bulb bulbs lantern lanterns beacon beacons candle candles fire sign signs neon";

impl Said {
    /// "Light up the path": a lamp's own name as a verb.
    pub(super) fn lights_first(&mut self) -> bool {
        let first = self.free().find(|at| !has(POLITE_FIRST, &self.words[*at]));
        let Some(at) = first.filter(|at| self.words[*at] == "light") else { return false };
        let up = usize::from(self.words.get(at + 1).is_some_and(|word| word == "up"));
        self.words.get(at + 1 + up).is_some_and(|word| has("the my our", word))
    }

    /// "Light up the sign": the verb of what is no lamp, and is lit.
    pub(super) fn is_lit_first(&mut self, mention: &Mention) -> bool {
        let head = self.names.head(mention.index);
        if !head.is_some_and(|own| has(LIT, own)) {
            return false;
        }
        let lights = self.lights_first();
        self.take("illuminate") | (lights && self.take("light"))
    }

    /// Whether it is a lamp by its name: only of such is "out" off.
    pub(super) fn is_light(&self, mention: &Mention) -> bool {
        let ends = ["light", "lights", "lamp", "lamps", "lighting", "spots", "led", "leds"];
        self.names.of(mention.index).iter().any(|own| ends.iter().any(|end| own.ends_with(end)))
    }

    /// Whether it is lit though it is no lamp: of a tube, "out" may be said of the tube itself.
    pub(super) fn is_lit_by(&self, mention: &Mention) -> bool {
        let own = self.names.of(mention.index);
        own.iter().any(|own| has(LIT, own))
    }
}
