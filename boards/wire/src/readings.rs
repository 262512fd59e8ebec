//! Several readings in one frame, without a heap: in postcard a sequence like any other.

use core::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{READINGS_MAX, Reading, Value};

/// What fills the places that are not used; never read.
const NOTHING: Reading<'static> = Reading { name: "", value: Value::Bool(false) };

/// There are [`READINGS_MAX`] already: send these first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Up to [`READINGS_MAX`] readings.
#[derive(Clone, Copy)]
pub struct Readings<'a> {
    places: [Reading<'a>; READINGS_MAX],
    used: usize,
}

impl<'a> Readings<'a> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Readings<'a> {
        Readings { places: [NOTHING; READINGS_MAX], used: 0 }
    }

    /// Takes one more.
    ///
    /// # Errors
    /// [`Full`]; nothing was taken.
    pub fn push(&mut self, reading: Reading<'a>) -> Result<(), Full> {
        *self.places.get_mut(self.used).ok_or(Full)? = reading;
        self.used += 1;
        Ok(())
    }

    /// Those that were taken, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Reading<'a>] {
        self.places.get(..self.used).unwrap_or_default()
    }
}

impl Default for Readings<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Readings<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Readings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl Serialize for Readings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.used))?;
        for reading in self.as_slice() {
            sequence.serialize_element(reading)?;
        }
        sequence.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Readings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Readings<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {READINGS_MAX} readings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut readings = Readings::new();
        while let Some(reading) = sequence.next_element()? {
            let refused = |Full| serde::de::Error::invalid_length(READINGS_MAX + 1, &self);
            readings.push(reading).map_err(refused)?;
        }
        Ok(readings)
    }
}
