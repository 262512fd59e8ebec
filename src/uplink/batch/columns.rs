//! The records of a batch in columns: what is alike stands together, so that little is left.
//!
//! Numbers of sensors are written as whole numbers of decimals, less the value before of the same
//! sensor, wherever that gives back the same bits.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{BatchError, Body, Received, fault};
use crate::clock::Now;
use crate::domain::{Entry, Value};
use crate::journal::{Kind, Record, Stamp, trust_code, trust_from_code};

/// Bits of a record's mark: two of trust, then what its payload is.
const TRUST_BITS: u8 = 3;
/// The payload's checksum is left out.
const CHECKSUM_LEFT_OUT: u8 = 4;
/// A number of a sensor, in the columns of numbers.
const NUMBER: u8 = 8;

const CHECKSUM_BYTES: usize = 4;
/// Decimals that are tried: a micro-unit is finer than any sensor.
const DECIMALS_MAX: u8 = 6;
/// Whole numbers up to here are exact in a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Frozen.
#[derive(Default, Serialize, Deserialize)]
struct Columns<'a> {
    /// Less the one before; the first as it is.
    seqs: Vec<u64>,
    /// Of records whose boot differs from the one before (0 before the first): place and boot.
    boots: Vec<(u32, u64)>,
    /// Monotonic time less the one before (0 before the first), in milliseconds.
    monos: Vec<i64>,
    /// Of records whose wall time less monotonic time differs from the one before (0 before the
    /// first): place and difference.
    offsets: Vec<(u32, i64)>,
    marks: Vec<u8>,
    kinds: Vec<u8>,
    /// Names of sensors of the numbers.
    #[serde(borrow)]
    names: Vec<&'a str>,
    /// Of each number: place among the names, decimals, step.
    sensors: Vec<u32>,
    decimals: Vec<u8>,
    /// Whole number of decimals less the one before of the same sensor with as many decimals.
    steps: Vec<i64>,
    /// Of each record that is no number.
    #[serde(borrow)]
    payloads: Vec<&'a [u8]>,
}

/// The last number of each sensor, by its decimals.
#[derive(Default)]
struct Lasts {
    decimals: HashMap<u32, u8>,
    numbers: HashMap<(u32, u8), i64>,
}

pub(super) fn encode(records: &[Record]) -> Vec<u8> {
    let mut columns = Columns::default();
    let numbers: Vec<_> = records.iter().map(number).collect();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut lasts = Lasts::default();
    let (mut seq, mut boot, mut mono_ms, mut offset_ms) = (0_u64, 0_u64, 0_u64, 0_i64);
    for (place, record) in (0_u32..).zip(records) {
        columns.seqs.push(record.seq.wrapping_sub(seq));
        if record.boot != boot {
            columns.boots.push((place, record.boot));
        }
        columns.monos.push(record.mono_ms.wrapping_sub(mono_ms).cast_signed());
        // As it was believed: whoever reads repairs all records of a start alike.
        let believed_ms = record.believed_ms.unwrap_or(record.unix_ms);
        let offset = believed_ms.wrapping_sub(record.mono_ms.cast_signed());
        if offset != offset_ms {
            columns.offsets.push((place, offset.wrapping_sub(offset_ms)));
        }
        (seq, boot, mono_ms, offset_ms) = (record.seq, record.boot, record.mono_ms, offset);
        columns.kinds.push(u8::try_from(record.kind.code()).unwrap_or(0));
        let mut mark = u8::try_from(trust_code(record.trust)).unwrap_or(0);
        let found = numbers.get(place as usize).and_then(Option::as_ref);
        let number = found.and_then(|(name, value)| {
            let known = places.get(name.as_str()).copied();
            let at = known.unwrap_or(u32::try_from(places.len()).unwrap_or(u32::MAX));
            let (decimals, step) = lasts.step(at, *value)?;
            if known.is_none() {
                places.insert(name, at);
                columns.names.push(name);
            }
            Some((at, decimals, step))
        });
        if let Some((at, decimals, step)) = number {
            mark |= NUMBER;
            columns.sensors.push(at);
            columns.decimals.push(decimals);
            columns.steps.push(step);
        } else {
            let (payload, is_checked) = without_checksum(&record.payload);
            mark |= if is_checked { CHECKSUM_LEFT_OUT } else { 0 };
            columns.payloads.push(payload);
        }
        columns.marks.push(mark);
    }
    postcard::to_extend(&columns, Vec::with_capacity(records.len() * 16))
        .expect("a growing Vec takes every type that derives Serialize with known lengths")
}

/// A reading of a number whose payload says nothing else.
fn number(record: &Record) -> Option<(String, f64)> {
    if record.kind != Kind::Reading {
        return None;
    }
    let Ok(Entry::Reading { sensor, value: Value::Number(value) }) = record.entry() else {
        return None;
    };
    Some((sensor, value))
}

fn without_checksum(payload: &[u8]) -> (&[u8], bool) {
    match payload.split_last_chunk::<CHECKSUM_BYTES>() {
        Some((body, sum)) if crc32fast::hash(body).to_le_bytes() == *sum => (body, true),
        _ => (payload, false),
    }
}

impl Lasts {
    /// The decimals of a value and its step; none where no whole number gives back its bits.
    fn step(&mut self, sensor: u32, value: f64) -> Option<(u8, i64)> {
        // As many as the last value had, so that 21.5 after 21.37 is a small step.
        let known = self.decimals.get(&sensor).copied().unwrap_or(0);
        let tried = (known..=DECIMALS_MAX).chain(0..known);
        let mut found = tried.filter_map(|decimals| Some((decimals, whole(value, decimals)?)));
        let (decimals, number) = found.next()?;
        self.decimals.insert(sensor, decimals);
        let last = self.numbers.insert((sensor, decimals), number).unwrap_or(0);
        Some((decimals, number.wrapping_sub(last)))
    }

    fn number(&mut self, sensor: u32, decimals: u8, step: i64) -> i64 {
        let last = self.numbers.entry((sensor, decimals)).or_insert(0);
        *last = last.wrapping_add(step);
        *last
    }
}

/// The whole number of decimals that gives back a value to its last bit.
fn whole(value: f64, decimals: u8) -> Option<i64> {
    let number = (value * 10_f64.powi(i32::from(decimals))).round();
    // Exact in both, so the conversion loses nothing.
    let number = (number.abs() < EXACT_MAX).then_some(number as i64)?;
    (float(number, decimals).to_bits() == value.to_bits()).then_some(number)
}

fn float(number: i64, decimals: u8) -> f64 {
    number as f64 / 10_f64.powi(i32::from(decimals))
}

/// # Errors
/// Where the columns do not fit each other.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Received>, BatchError> {
    let (columns, rest) =
        postcard::take_from_bytes::<Columns<'_>>(bytes).map_err(|error| fault(&error))?;
    let count = columns.seqs.len();
    let same = [columns.monos.len(), columns.marks.len(), columns.kinds.len()];
    if !rest.is_empty() || same != [count; 3] {
        return Err(fault(&"its columns are of different lengths"));
    }
    let mut reading = Reading {
        boots: columns.boots.iter().copied().peekable(),
        offsets: columns.offsets.iter().copied().peekable(),
        numbers: columns
            .sensors
            .iter()
            .zip(&columns.decimals)
            .zip(&columns.steps)
            .map(|((sensor, decimals), step)| (*sensor, *decimals, *step)),
        payloads: columns.payloads.iter(),
        names: &columns.names,
        lasts: Lasts::default(),
    };
    let (mut seq, mut boot, mut mono_ms, mut offset_ms) = (0_u64, 0_u64, 0_u64, 0_i64);
    let mut records = Vec::with_capacity(count);
    for place in 0..count {
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        seq = seq.wrapping_add(columns.seqs[place]);
        boot = reading.boots.next_if(|it| it.0 == at).map_or(boot, |it| it.1);
        mono_ms = mono_ms.wrapping_add(columns.monos[place].cast_unsigned());
        let moved = reading.offsets.next_if(|it| it.0 == at).map_or(0, |it| it.1);
        offset_ms = offset_ms.wrapping_add(moved);
        let mark = columns.marks[place];
        records.push(Received {
            seq,
            boot,
            mono_ms,
            unix_ms: offset_ms.wrapping_add(mono_ms.cast_signed()),
            trust: trust_from_code(i64::from(mark & TRUST_BITS)),
            kind: columns.kinds[place],
            body: Body::Payload(reading.payload(mark)?),
        });
    }
    Ok(records)
}

/// The columns that not every record has.
struct Reading<'a, B: Iterator, O: Iterator, N> {
    boots: std::iter::Peekable<B>,
    offsets: std::iter::Peekable<O>,
    numbers: N,
    payloads: std::slice::Iter<'a, &'a [u8]>,
    names: &'a [&'a str],
    lasts: Lasts,
}

impl<B: Iterator, O: Iterator, N: Iterator<Item = (u32, u8, i64)>> Reading<'_, B, O, N> {
    fn payload(&mut self, mark: u8) -> Result<Vec<u8>, BatchError> {
        if mark & NUMBER != 0 {
            let missing = || fault(&"a number is missing");
            let (sensor, decimals, step) = self.numbers.next().ok_or_else(missing)?;
            let name = self.names.get(sensor as usize).ok_or_else(missing)?;
            if decimals > DECIMALS_MAX {
                return Err(fault(&format!("a number of {decimals} decimals")));
            }
            let number = self.lasts.number(sensor, decimals, step);
            let value = Value::Number(float(number, decimals));
            let entry = Entry::Reading { sensor: (*name).to_owned(), value };
            return Ok(Record::new(Stamp { seq: 0, boot: 0, now: Now::default() }, &entry).payload);
        }
        let payload = self.payloads.next().ok_or_else(|| fault(&"a payload is missing"))?;
        let mut bytes = payload.to_vec();
        if mark & CHECKSUM_LEFT_OUT != 0 {
            bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        }
        Ok(bytes)
    }
}
