//! Levels: a number in whatever unit it is said, or a share of a device's range. What must never be
//! here: whether a device is to be on, lengths of time.

use super::Said;
use super::names::Mention;
use super::text::number;
use super::words::{
    CLOCK_HOURS_MAX, FAR, FULL, HALF, LEAST, MOVES, OF_FULL, RELATIVE, SCALES, THIRDS, TO_NOTHING,
    has,
};
use crate::config::ActuatorKind;

/// Units of power and speed that a level may be said in. None that scales a number.
pub(super) const LEVEL_UNITS: &str = "\
    w watt watts rounds rpm revs rev revolution revolutions rotation rotations turn turns lux \
    lx lumen lumens lm kelvin kelvins k hertz hz amp amps ampere amperes litre litres liter \
    liters millilitres millibar millibars mbar";
/// Pieces of names of what gives light, of what is set in watts, and of what is set in degrees.
const LIT: &str = "light lamp lux spot flood sun moon sky panel colour color tint led";
const HEATS: &str = "solar sauna heat warm boil radiat stove oven kiln chill cool comp charg";
const PLATES: &str = "plate hotplate thermostat incubator";
/// A level up to this is one of stages, which are no watts.
pub(super) const STEPS_MAX: f64 = 10.0;
/// A level that goes up to this may be one of watts: less is a share of a hundred, or kilowatts.
const WATTS_MIN: f64 = 500.0;

impl Said {
    /// Takes a share of a level's range: "half", "flat out", "minimum".
    pub(super) fn take_share(&mut self, level: bool) -> Option<f64> {
        let share = match () {
            () if self.take_any_run(THIRDS[0]) => Some(1.0 / 3.0),
            () if self.take_any_run(THIRDS[1]) => Some(2.0 / 3.0),
            () if self.take_run("3 quarters") => Some(0.75),
            // "Half the speed" may be half of what it is now.
            () if self.run_at("half the").is_none() && self.take(HALF) => Some(0.5),
            () if self.take("quarter") => Some(0.25),
            () if level && (self.take_as_far() | self.take_any_run(FULL)) => Some(1.0),
            () if level && (self.take_any_run(TO_NOTHING) | self.take(LEAST)) => Some(0.0),
            () if level && !self.has_number() && self.take_run("right up") => Some(1.0),
            () => None,
        };
        if share.is_some() {
            // "Half of full speed".
            self.take_any_run(OF_FULL);
            self.take(SCALES);
            if self.any_of("to at").is_some() || self.any_of(RELATIVE).is_none() {
                self.take(MOVES);
            }
        }
        share
    }

    /// "As far as it goes".
    fn take_as_far(&mut self) -> bool {
        let as_as = |at: &usize| {
            self.word(*at) == "as" && has(FAR, self.word(at + 1)) && self.word(at + 2) == "as"
        };
        let Some(begin) = self.free().find(as_as) else { return false };
        let part = self.parts[begin];
        let known = |at: &usize| {
            let word = self.word(*at);
            has(
                "possible it it'll she he they they'll you we can will could may go goes get gets",
                word,
            ) || has("be open opened run", word)
        };
        let end = (begin + 3..self.words.len())
            .take_while(|at| self.parts[*at] == part && known(at))
            .last();
        let Some(end) = end else { return false };
        self.done[begin..=end].fill(true);
        true
    }

    /// The number of a level, and whether it is one of a hundred.
    pub(super) fn level_number(
        &mut self,
        off: bool,
        on: bool,
        mention: &Mention,
        kind: &ActuatorKind,
    ) -> Result<(Option<f64>, bool), String> {
        let found = self.free().find_map(|at| Some((at, number(&self.words[at])?)));
        let Some((at, number)) = found else { return Ok((None, false)) };
        self.done[at] = true;
        let before = if at > 0 { self.words[at - 1].clone() } else { String::new() };
        let scaled = has(SCALES, &before);
        if scaled {
            self.done[at - 1] = true;
        }
        let percent = self.word(at + 1) == "percent";
        self.take_celsius(at, mention, kind)?;
        let unit = usize::from(
            has(LEVEL_UNITS, self.word(at + 1)) || self.is_of_thousands(at + 1, kind, mention),
        );
        if self.raw(at + 1 + unit) == "off" && self.raw(0) == "take" {
            return Err("is that the level, or how much less? say to …".into());
        }
        let counts = has("rpm revs notch notches points clicks", self.word(at + 1));
        if percent
            || counts
            || has("deg degree", self.word(at + 1))
            || self.is_unit(at + 1, kind, mention)
        {
            self.done[at + 1] = true;
        }
        let number = match self.is_of_thousands(at + 1, kind, mention) {
            true => {
                self.done[at + 1] = true;
                number * 1_000.0
            }
            false => number,
        };
        let behind = at + 1 + usize::from(unit > 0 || percent);
        let led = has("to at on about around only", &before);
        let moved = has("up down", &before) || has("up down", self.raw(behind));
        let moved = moved || !led && (percent || counts) && self.goes_by_so_much();
        // "A heater in 500 watts", but "a winch in 20 turns" is a length.
        let watts = before == "in" && has("w watt watts kw kilowatt kilowatts", self.raw(at + 1));
        let watts = watts && self.any_of("up down raise lower").is_none();
        if has("in for", &before) && !watts || self.is_alone_in_first(at) {
            return Err("is that a time, or the level? say to …".into());
        }
        if moved {
            return Err("is that the level, or how much more or less? say to …".into());
        }
        let said_at = before == "at";
        let clock = number.fract() == 0.0 && (0.0..=CLOCK_HOURS_MAX).contains(&number);
        let turns = self.words.iter().any(|word| has("turn switch", word));
        let moves = has("up down", self.before(at, 2));
        // "Off at 1500" is no level either.
        let timed = off && number != 0.0 || clock && (moves || on && (turns || self.is_last(at)));
        if said_at && !percent && (timed || off && clock) {
            return Err("is that a time of the day? a time that is yet to come is a rule".into());
        }
        if scaled || led || percent {
            self.take(MOVES);
            self.take("about around only");
        }
        Ok((Some(number), percent))
    }

    /// "2000 watts", "750 turns" of a level that counts them: one of a hundred or of a few steps
    /// does not, and a valve is opened by so many turns more.
    fn is_unit(&self, at: usize, kind: &ActuatorKind, of: &Mention) -> bool {
        let ActuatorKind::Level { max, .. } = kind else { return false };
        let own = self.names.of(of.index);
        let lit = |own: &String| LIT.split_ascii_whitespace().any(|end| own.contains(end));
        let tint = |own: &String| has("colour color tint temperature hue", own);
        let unit = self.word(at);
        // Kelvin are of light, and of thousands; lamps have none of what turns or flows.
        if has("lux lx lumen lumens lm", unit) && !own.iter().any(lit)
            || has("hertz hz rpm litre litres liter liters millilitres", unit)
                && own.iter().any(lit)
            || has("kelvin kelvins k", unit)
                && !(own.iter().any(|own| lit(own) || tint(own)) && *max >= 2_000.0)
            || unit == "k" && self.before_is_small(at)
        {
            return false;
        }
        let moves = "open close opened closed shut turn rotate wind screw";
        let moved = self.words[..at].iter().any(|word| has(moves, word));
        let turns = has("turn turns", self.word(at)) && moved;
        has(LEVEL_UNITS, self.word(at)) && *max > STEPS_MAX && *max != 100.0 && !turns
    }

    /// Degrees behind a number: an angle, or those of a plate. Of all else they are a sensor's.
    fn take_celsius(&mut self, at: usize, of: &Mention, kind: &ActuatorKind) -> Result<(), String> {
        if !has("degrees degree deg celsius fahrenheit", self.word(at + 1)) {
            return Ok(());
        }
        // A heater's level is no temperature, nor is a share of a hundred an angle.
        let warms = ["heat", "cool"].iter().any(|verb| self.does(of.index, verb));
        let shares = matches!(kind, ActuatorKind::Level { min: 0.0, max: 100.0, .. });
        let celsius = has("c celsius fahrenheit", self.word(at + 2));
        let plate = self.names.of(of.index).iter().any(|own| has(PLATES, own));
        if warms || shares || self.is_light(of) || celsius && !plate {
            return Err("degrees are of a sensor: keep … between … and …".into());
        }
        if celsius {
            self.done[at + 2] = true;
        }
        Ok(())
    }

    /// "Raise it 10 percent", "the lights 20 percent down": how much more or less.
    fn goes_by_so_much(&self) -> bool {
        let moves = |word: &String| has(RELATIVE, word) || has("up down dim dimmer brighter", word);
        self.words.iter().any(moves)
    }

    /// "1. Compressor on": the number of a list.
    fn is_alone_in_first(&self, at: usize) -> bool {
        at == 0 && self.parts.get(1).is_some_and(|part| *part != self.parts[0])
    }

    fn is_last(&self, at: usize) -> bool {
        at + 1 == self.words.len()
    }

    /// "2k" is two thousand, and no two kelvin.
    fn before_is_small(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| number(&self.words[at]));
        before.is_none_or(|number| number < 1_000.0)
    }

    /// Whether watts are what it is set in, by its name.
    fn is_of_heat(&self, of: &Mention) -> bool {
        let own = self.names.of(of.index);
        own.iter().any(|own| HEATS.split_ascii_whitespace().any(|piece| own.contains(piece)))
    }

    /// "1.5 kW" of a level that counts watts.
    fn is_of_thousands(&self, at: usize, kind: &ActuatorKind, of: &Mention) -> bool {
        let ActuatorKind::Level { max, .. } = kind else { return false };
        has("kw kilowatt kilowatts", self.word(at)) && *max >= WATTS_MIN && self.is_of_heat(of)
    }
}
