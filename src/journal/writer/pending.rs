//! Records on their way to the disk, bounded in bytes. Pure: no thread, no clock, no disk.

use std::mem;

use super::Full;
use crate::domain::Entry;
use crate::journal::record::{Kind, Record, Stamp};
use crate::limits::JOURNAL_QUEUE_BYTES_MAX;

/// Records that wait for the writer.
#[derive(Debug)]
pub(super) struct Pending {
    /// Most bytes that wait and are in hand together.
    bytes_max: usize,
    records: Vec<Record>,
    bytes: usize,
    /// What the writer has in hand counts too: it is in memory until it is stored.
    in_hand_bytes: usize,
    lost: Option<Lost>,
}

/// Records that were given up for want of memory.
#[derive(Debug)]
struct Lost {
    first: u64,
    /// Where and when the last of them was made: the record that names them takes its place.
    last: Stamp,
    count: u64,
}

/// What the writer has in hand: sorted by sequence, the name of what is lost among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<Record>,
    lost: Option<Lost>,
}

impl Batch {
    /// The records to store.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many records were given up for want of memory.
    pub(super) fn lost(&self) -> u64 {
        self.lost.as_ref().map_or(0, |lost| lost.count)
    }

    /// The range in which records were given up.
    pub(super) fn dropped(&self) -> Option<(u64, u64)> {
        self.lost.as_ref().map(|lost| (lost.first, lost.last.seq))
    }
}

impl Default for Pending {
    fn default() -> Pending {
        Pending::new(JOURNAL_QUEUE_BYTES_MAX)
    }
}

impl Pending {
    pub(super) fn new(bytes_max: usize) -> Pending {
        Pending { bytes_max, records: Vec::new(), bytes: 0, in_hand_bytes: 0, lost: None }
    }

    /// Bytes that wait, what is in hand not counted.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a batch. Where there is no room, readings that wait are dropped, oldest first; where
    /// that does not help, readings of the batch too, and then the batch is refused.
    pub(super) fn push(&mut self, batch: Vec<Record>) -> Result<(), Full> {
        let coming = bytes_of(&batch);
        if self.room() < coming {
            self.drop_readings(coming);
        }
        if self.room() >= coming {
            self.bytes += coming;
            self.records.extend(batch);
            return Ok(());
        }
        let (readings, others): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|record| record.kind == Kind::Reading);
        readings.iter().for_each(|record| self.lose(record.stamp()));
        let coming = bytes_of(&others);
        if self.room() < coming {
            others.iter().for_each(|record| self.lose(record.stamp()));
            return Err(Full);
        }
        self.bytes += coming;
        self.records.extend(others);
        Ok(())
    }

    /// Hands over everything that waits.
    pub(super) fn take(&mut self) -> Batch {
        let mut records = mem::take(&mut self.records);
        self.bytes = 0;
        let lost = self.lost.take();
        if let Some(lost) = &lost {
            let reason = format!("{} records, memory full while the disk failed", lost.count);
            let entry = Entry::Dropped { first: lost.first, last: lost.last.seq, reason };
            let place = records.partition_point(|record| record.seq < lost.last.seq);
            records.insert(place, Record::new(lost.last, &entry));
        }
        self.in_hand_bytes = bytes_of(&records);
        Batch { records, lost }
    }

    /// What was in hand is on disk.
    pub(super) fn stored(&mut self) {
        self.in_hand_bytes = 0;
    }

    /// What was in hand could not be stored: it waits again, before all that came since.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let mut records = batch.records;
        if let Some(lost) = batch.lost {
            // The record that was to name the losses: the next one will name all of them.
            records.retain(|record| record.seq != lost.last.seq);
            let later = self.lost.take();
            self.lost = Some(lost.and(later));
        }
        records.append(&mut self.records);
        self.records = records;
        self.bytes = bytes_of(&self.records);
        self.in_hand_bytes = 0;
    }

    fn room(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes).saturating_sub(self.in_hand_bytes)
    }

    /// Drops waiting readings, oldest first, until there is room for `coming` bytes and a quarter
    /// of the bound beside: walking through the queue at each batch would cost more than the
    /// readings are worth.
    fn drop_readings(&mut self, coming: usize) {
        let wanted = coming.saturating_add(self.bytes_max / 4);
        let mut room = self.room();
        for record in mem::take(&mut self.records) {
            if room < wanted && record.kind == Kind::Reading {
                room = room.saturating_add(record.bytes());
                self.lose(record.stamp());
            } else {
                self.records.push(record);
            }
        }
        self.bytes = bytes_of(&self.records);
    }

    fn lose(&mut self, stamp: Stamp) {
        let one = Lost { first: stamp.seq, last: stamp, count: 1 };
        self.lost = Some(match self.lost.take() {
            Some(lost) => lost.and(Some(one)),
            None => one,
        });
    }
}

impl Lost {
    fn and(self, other: Option<Lost>) -> Lost {
        let Some(other) = other else { return self };
        Lost {
            first: self.first.min(other.first),
            last: if other.last.seq > self.last.seq { other.last } else { self.last },
            count: self.count.saturating_add(other.count),
        }
    }
}

fn bytes_of(records: &[Record]) -> usize {
    records.iter().map(Record::bytes).sum()
}
