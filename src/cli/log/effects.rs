//! `outpost log effects`: what was learned of the place, from the journal's last word on each
//! sensor: what each actuator does to it, how slow it is, and how well an hour is foreseen.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::Output;
use crate::agent::{INTERVAL, effects, time_constant};
use crate::domain::{Entry, Learned};
use crate::journal::{Filter, Kind, Reader};

impl<W: Write> Output<W> {
    pub(super) fn effects(&mut self, folder: &Path) -> anyhow::Result<()> {
        let reader = Reader::open(folder)?;
        let mut latest: BTreeMap<String, Learned> = BTreeMap::new();
        let filter = Filter { kind: Some(Kind::Learned), ..Filter::default() };
        reader.each(0, &filter, |record| {
            if let Ok(Entry::Learned(learned)) = record.entry() {
                latest.insert(learned.sensor.clone(), *learned);
            }
            true
        })?;
        for learned in latest.values() {
            match self.json {
                true => self.effects_json(learned)?,
                false => self.effects_words(learned)?,
            }
        }
        if self.json {
            writeln!(self.to, "{}", json!({ "sensors": latest.len() }))?;
        } else if latest.is_empty() {
            writeln!(
                self.to,
                "nothing learned yet: it is written down every six hours and at a stop"
            )?;
        }
        Ok(())
    }

    fn effects_json(&mut self, learned: &Learned) -> anyhow::Result<()> {
        let list = effects(learned).into_iter().map(|one| {
            json!({
                "actuator": one.actuator,
                "an_hour": one.an_hour,
                "sure": one.sure,
                "late_share": one.late_share,
            })
        });
        let line = json!({
            "sensor": learned.sensor,
            "effects": list.collect::<Vec<_>>(),
            "time_constant_s": time_constant(learned).map(|one| one * INTERVAL.as_secs_f64()),
            "intervals": learned.steps,
            "judged": learned.judged,
            "error_hour": learned.error_square.sqrt(),
            "error_hour_stays": learned.stays_square.sqrt(),
        });
        writeln!(self.to, "{line}")?;
        Ok(())
    }

    fn effects_words(&mut self, learned: &Learned) -> anyhow::Result<()> {
        let (error, stays) = (learned.error_square.sqrt(), learned.stays_square.sqrt());
        let days = learned.steps as f64 * INTERVAL.as_secs_f64() / 86_400.0;
        writeln!(self.to, "{}: learned from {days:.1} days", learned.sensor)?;
        if let Some(intervals) = time_constant(learned) {
            let minutes = intervals * INTERVAL.as_secs_f64() / 60.0;
            writeln!(self.to, "  settles in      {minutes:.0} minutes")?;
        }
        for one in effects(learned) {
            let doubt = if one.sure < 2.0 { "  (may be nothing)" } else { "" };
            writeln!(
                self.to,
                "  {:<15} {:+.2} in the first hour{doubt}",
                one.actuator, one.an_hour
            )?;
        }
        let judged = learned.judged;
        writeln!(
            self.to,
            "  an hour ahead   errs by {error:.3}, as it is by {stays:.3} ({judged} times)"
        )?;
        Ok(())
    }
}
