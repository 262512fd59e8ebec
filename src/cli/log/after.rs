//! What the sensors said after a decision. Reads only; it judges nothing.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value as Json, json};

use crate::domain::{Decision, Entry, Value};
use crate::journal::{Filter, Kind, Reader, Record, Stamp};

/// What the sensors say so long after a decision: a quarter of an hour and an hour.
const AFTER_S: [u64; 2] = [900, 3600];

/// The last reading of each sensor, and the sequence of its record.
pub(super) type Readings = BTreeMap<String, (f64, u64)>;

/// Goes along the journal, from decision to decision.
#[derive(Default)]
pub(super) struct After {
    readings: Readings,
    /// Number of the decision, seconds, and the moment of the decision.
    due: VecDeque<(usize, u64, Stamp)>,
}

impl After {
    /// A decision was made.
    pub(super) fn begin(&mut self, decision: usize, made: Stamp) {
        self.due.extend(AFTER_S.map(|seconds| (decision, seconds, made)));
    }

    /// Nothing is waited for.
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty()
    }

    /// The next record: gives `found` each decision whose time is over by then, the seconds, and
    /// the last reading of every sensor. A restart ends the wait: what was done is given up there.
    pub(super) fn pass(&mut self, record: &Record, mut found: impl FnMut(usize, u64, &Readings)) {
        let stamp = record.stamp();
        self.due.retain(|(decision, seconds, made)| {
            if made.boot != stamp.boot {
                return false;
            }
            let over = stamp.now.tick.0.saturating_sub(made.now.tick.0) >= seconds * 1000;
            if over {
                found(*decision, *seconds, &self.readings);
            }
            !over
        });
        if record.kind == Kind::Reading
            && let Ok(Entry::Reading { sensor, value: Value::Number(number) }) = record.entry()
        {
            self.readings.insert(sensor, (number, record.seq));
        }
    }
}

/// The `outcome` of each of these decisions, in their order: by seconds after it, the last readings
/// since it of the sensors that it predicted, of all where it predicted none. `null` where it ended
/// before.
///
/// # Errors
/// Where the journal cannot be read.
pub(super) fn outcomes(
    reader: &Reader,
    decisions: &[(Stamp, Decision)],
) -> anyhow::Result<Vec<Json>> {
    let mut found: Vec<BTreeMap<String, Json>> = vec![BTreeMap::new(); decisions.len()];
    let Some((first, _)) = decisions.first() else { return Ok(Vec::new()) };
    let mut after = After::default();
    let mut begun = 0;
    reader.each(first.seq.saturating_sub(1), &Filter::default(), |record| {
        after.pass(&record, |index, seconds, readings| {
            let of = of(&decisions[index], readings);
            found[index].insert(seconds.to_string(), Json::Object(of));
        });
        if let Some((made, _)) = decisions.get(begun).filter(|(made, _)| made.seq == record.seq) {
            after.begin(begun, *made);
            begun += 1;
        }
        begun < decisions.len() || !after.is_idle()
    })?;
    let word = |one: BTreeMap<String, Json>| if one.is_empty() { Json::Null } else { json!(one) };
    Ok(found.into_iter().map(word).collect())
}

fn of((made, decision): &(Stamp, Decision), readings: &Readings) -> Map<String, Json> {
    let predicted = |name: &String| {
        let mut all = decision.candidates.iter().flat_map(|one| &one.predicted);
        all.any(|(one, _)| one == name)
    };
    let none = decision.candidates.iter().all(|one| one.predicted.is_empty());
    let since = readings.iter().filter(|(_, (_, seq))| *seq > made.seq);
    let wanted = since.filter(|(name, _)| none || predicted(name));
    wanted.map(|(name, (number, _))| (name.clone(), json!(number))).collect()
}
