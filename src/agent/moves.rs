//! What each actuator was set to of late, in this start and before, and which of these moves a
//! question is about. Nothing is decided by it but whether a plan takes back what it just did.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::core::Agent;
use super::prompt::DAY;
use super::spoken::{Clock, Day, Past, When};
use super::steps::level;
use crate::clock::{ClockTrust, Now};
use crate::config::{Actuator, ActuatorKind};
use crate::domain::{ActuatorId, Decider, Moved, Setting};
use crate::limits::{MOVE_NEAR_MS, MOVE_NEAR_PART, MOVES_KEPT_MAX};

/// What an actuator was set to, and why.
#[derive(Clone, Debug)]
pub struct Move {
    /// To what.
    pub setting: Setting,
    /// That was more of it than before.
    pub rose: bool,
    /// That was less; of the oldest that is remembered neither is known.
    pub fell: bool,
    /// The device was waited for and did not confirm it.
    pub unproven: bool,
    /// On whose behalf.
    pub by: Decider,
    /// Why, as its record says it.
    pub cause: String,
    /// The record of its intent.
    pub seq: u64,
    /// When.
    pub made: Made,
}

/// When a move was.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// In this start.
    Here(Now),
    /// Before: milliseconds since 1970, where a clock was trusted.
    Before(Option<i64>),
}

impl Move {
    /// Milliseconds since 1970; `None` where no clock tells. One that is set later tells of what
    /// was before in the same start.
    pub fn unix_ms(&self, now: Now) -> Option<i64> {
        match self.made {
            Made::Here(then) if then.trust == ClockTrust::Synced => Some(then.unix_ms),
            Made::Here(then) if now.trust == ClockTrust::Synced => {
                let passed = now.tick.since(then.tick).as_millis();
                now.unix_ms.checked_sub(i64::try_from(passed).ok()?)
            }
            Made::Here(_) => None,
            Made::Before(unix_ms) => unix_ms,
        }
    }

    /// Whether it went that way.
    fn went(&self, actuator: &Actuator, rises: Option<bool>) -> bool {
        let is_off = level(actuator, &self.setting) <= 0.0;
        let by_steps = matches!(actuator.kind, ActuatorKind::Level { .. });
        match rises {
            Some(true) => !is_off && (self.rose || !by_steps),
            Some(false) => is_off || (by_steps && self.fell),
            None => true,
        }
    }

    /// Whether it left the device on, or off.
    fn left(&self, actuator: &Actuator, on: Option<bool>) -> bool {
        on.is_none_or(|on| on == (level(actuator, &self.setting) > 0.0))
    }
}

/// A time that a question is about, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When it begins.
    pub from_ms: i64,
    /// When it ends; the same for a moment.
    pub to_ms: i64,
    /// How far from it a move may be.
    pub near_ms: i64,
}

impl Asked {
    fn moment(at_ms: i64, near_ms: i64) -> Asked {
        Asked { from_ms: at_ms, to_ms: at_ms, near_ms }
    }

    /// How far a time is from it.
    pub fn off_ms(&self, unix_ms: i64) -> i64 {
        let (before, after) =
            (self.from_ms.saturating_sub(unix_ms), unix_ms.saturating_sub(self.to_ms));
        before.max(after).max(0)
    }
}

/// Which move a question is about.
pub enum Found<'a> {
    /// This one, one of so many that fit the time.
    Move(&'a Move, usize),
    /// It was not so then: this is what it was set to last.
    Otherwise(&'a Move),
    /// None was near; the nearest that went that way.
    Not(Option<&'a Move>),
}

impl Agent {
    /// Remembers a move; beyond the bound the oldest is forgotten.
    pub(super) fn keep_move(&mut self, id: ActuatorId, one: Move) {
        let moves = &mut self.moves[usize::from(id.0)];
        moves.push_back(one);
        if moves.len() > MOVES_KEPT_MAX {
            moves.pop_front();
        }
    }

    /// The device did not confirm the last move of this start.
    pub(super) fn last_is_unproven(&mut self, id: ActuatorId) {
        if let Some(last) = self.moves[usize::from(id.0)].back_mut()
            && matches!(last.made, Made::Here(_))
        {
            last.unproven = true;
        }
    }

    /// What this start set an actuator to last.
    pub(super) fn last_of_this_start(&self, id: ActuatorId) -> Option<&Move> {
        let last = self.moves[usize::from(id.0)].back();
        last.filter(|last| matches!(last.made, Made::Here(_)))
    }

    /// Takes over moves of earlier starts, for questions. Actuators that are gone are passed over.
    pub(super) fn resume_moves(&mut self, moves: Vec<Moved>) {
        for Moved { seq, actuator, setting, by, cause, unix_ms, unproven } in moves {
            let Some(id) = self.id_of(&actuator) else { continue };
            let device = &self.config.actuators[usize::from(id.0)];
            let before = self.moves[usize::from(id.0)].back();
            let before = before.map(|one| level(device, &one.setting));
            let now = level(device, &setting);
            let rose = before.is_some_and(|before| now > before);
            let fell = before.is_some_and(|before| now < before);
            let made = Made::Before(unix_ms);
            self.keep_move(id, Move { setting, rose, fell, unproven, by, cause, seq, made });
        }
    }

    /// The move of an actuator that a question about that time is about.
    pub(super) fn find_move(&self, id: ActuatorId, past: &Past, asked: Asked) -> Found<'_> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let all = self.moves[usize::from(id.0)].iter();
        let all = all.filter_map(|one| Some((one.unix_ms(self.now)?, one)));
        let timed: Vec<(i64, &Move)> = all.collect();
        let fits = |one: &&(i64, &Move)| match past.is_state {
            true => one.1.left(actuator, past.rises),
            false => one.1.went(actuator, past.rises),
        };
        // "Why was it on at three": by what was last done before, however long ago.
        let so = timed.iter().rfind(|(at, _)| past.is_state && *at <= asked.from_ms);
        let within = timed.iter().filter(fits).filter(|(at, _)| asked.off_ms(*at) == 0);
        let count = within.count();
        let moment = asked.from_ms == asked.to_ms;
        match so {
            Some(so) if (count == 0 || moment) && fits(&so) => return Found::Move(so.1, 1),
            Some((_, one)) if count == 0 => return Found::Otherwise(one),
            _ => {}
        }
        // Of several the last one.
        let nearest = timed.iter().filter(fits).rev().min_by_key(|(at, _)| asked.off_ms(*at));
        match nearest {
            // What came after says nothing of how it was before.
            Some((at, one)) if asked.off_ms(*at) <= asked.near_ms && !(past.is_state && moment) => {
                Found::Move(one, count.max(1))
            }
            other => Found::Not(other.map(|(_, one)| *one)),
        }
    }

    /// The last move that went that way.
    pub(super) fn last_that_went(&self, id: ActuatorId, rises: Option<bool>) -> Option<&Move> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        self.moves[usize::from(id.0)].iter().rfind(|one| one.went(actuator, rises))
    }

    /// The oldest time that is remembered of an actuator.
    pub(super) fn oldest_move_ms(&self, id: ActuatorId) -> Option<i64> {
        self.moves[usize::from(id.0)].iter().find_map(|one| one.unix_ms(self.now))
    }

    /// The times that the words may mean now, by a clock that is trusted, the likeliest first; none
    /// where they mean none.
    pub(super) fn meant(&self, when: &When) -> Vec<Asked> {
        let now_ms = self.now.unix_ms;
        match when {
            When::Ago(seconds) => {
                let ago = Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX);
                let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                let near_ms = (ago_ms as f64 * MOVE_NEAR_PART) as i64;
                let near_ms = near_ms.max(MOVE_NEAR_MS);
                vec![Asked::moment(now_ms.saturating_sub(ago_ms), near_ms)]
            }
            When::Clock(clock) => self.by_clock(clock).unwrap_or_default(),
            When::Unread => Vec::new(),
        }
    }

    fn by_clock(&self, clock: &Clock) -> Option<Vec<Asked>> {
        let now_ms = self.now.unix_ms;
        let today =
            Timestamp::from_millisecond(now_ms).ok()?.to_zoned_datetime(self.zone.clone()).date();
        let (from_ms, to_ms) = self.span(clock, today)?;
        let to_ms = to_ms.min(now_ms);
        let Some((hour, is_said)) = clock.hour else {
            return Some(vec![Asked { from_ms, to_ms, near_ms: 0 }]);
        };
        // "Three" is that of the day or of the night; which day, the rest of the words says.
        let other = (!is_said && hour <= 12.0).then_some((hour + 12.0) % 24.0);
        let within = Asked { from_ms, to_ms, near_ms: 0 };
        let first = Timestamp::from_millisecond(from_ms).ok()?;
        let first = first.to_zoned_datetime(self.zone.clone()).date().yesterday().ok()?;
        let mut moments = Vec::new();
        for day in 0..=3 {
            let date = first.checked_add(day.days()).ok()?;
            for hour in [Some(hour), other].into_iter().flatten() {
                moments.extend(self.at(date, hour).filter(|at| *at <= now_ms));
            }
        }
        moments.sort_unstable();
        let on_that_day = moments.iter().rev().filter(|at| within.off_ms(**at) == 0);
        let both: Vec<i64> = on_that_day.copied().filter(|_| clock.day.is_some()).collect();
        let nearest = moments.into_iter().rev().min_by_key(|at| within.off_ms(*at))?;
        let all = if both.is_empty() { vec![nearest] } else { both };
        Some(all.into_iter().map(|at| Asked::moment(at, MOVE_NEAR_MS)).collect())
    }

    /// From when to when the day and the part of it are; where neither is said, the last 24 hours.
    fn span(&self, clock: &Clock, today: Date) -> Option<(i64, i64)> {
        let now_ms = self.now.unix_ms;
        let back = |days: i32| today.checked_sub(days.days()).ok();
        let hours = |date: Date, part: usize| {
            let begin = f64::from(DAY[part].0);
            let end = f64::from(DAY[(part + 1) % DAY.len()].0);
            let last = if end > begin { date } else { date.tomorrow().ok()? };
            Some((self.at(date, begin)?, self.at(last, end)?))
        };
        let date = match (clock.day, clock.part) {
            (None, None) => return Some((now_ms.checked_sub(24 * 3_600_000)?, now_ms)),
            // The last one that has begun.
            (None, Some(part)) => {
                let begun = |span: &(i64, i64)| span.0 <= now_ms;
                return hours(today, part).filter(begun).or_else(|| hours(back(1)?, part));
            }
            (Some(Day::LastNight), _) => {
                let evening = f64::from(DAY[2].0);
                return Some((self.at(back(1)?, evening)?, self.at(today, f64::from(DAY[0].0))?));
            }
            (Some(Day::Ago(days)), _) => back(days)?,
            (Some(Day::Week(day, is_last)), _) => {
                let days = (today.weekday().to_monday_one_offset() + 7 - day) % 7;
                back(if is_last && days == 0 { 7 } else { i32::from(days) })?
            }
        };
        match clock.part {
            Some(part) => hours(date, part),
            None => Some((self.at(date, 0.0)?, self.at(date.tomorrow().ok()?, 0.0)?)),
        }
    }

    /// A local time in milliseconds since 1970.
    fn at(&self, date: Date, hour: f64) -> Option<i64> {
        let whole = hour.floor();
        let minute = ((hour - whole) * 60.0).round();
        let time = date.at(whole as i8, 0, 0, 0).checked_add((minute as i64).minutes()).ok()?;
        Some(time.to_zoned_datetime(self.zone.clone()).ok()?.timestamp().as_millisecond())
    }

    /// A time as a person reads it, in local time.
    pub(super) fn time_words(&self, unix_ms: Option<i64>) -> String {
        let stamp = unix_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        match stamp {
            Some(at) => {
                at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
            }
            None => "a time that no clock told".into(),
        }
    }
}
