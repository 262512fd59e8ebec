//! Parcels that are too large: for a day's budget, and for a slow line.

use super::super::tests_site::{book, reading, store};
use super::*;

const RECORDS: u64 = 2000;

/// Takes what it gets through in time.
struct Slow {
    /// Bytes that the line takes in that time.
    bytes: usize,
    /// Sequences of all records that are there.
    there: Vec<u64>,
    parcels: usize,
    tried: usize,
    packed: Vec<u64>,
}

/// A line that takes this long for what it does not get through.
const LONGEST: Duration = Duration::from_millis(20);

impl Slow {
    fn new(bytes: usize) -> Slow {
        Slow { bytes, there: Vec::new(), parcels: 0, tried: 0, packed: Vec::new() }
    }
}

impl Depot for Slow {
    fn pack(&mut self, _: &Parcel, records: &[Record]) -> Vec<Vec<u8>> {
        self.packed = records.iter().map(|record| record.seq).collect();
        vec![vec![0; records.len() * 100]]
    }

    async fn put(&mut self, _: &Parcel, requests: Vec<Vec<u8>>) -> Result<(), Refusal> {
        self.tried += 1;
        if length(&requests) > self.bytes {
            sleep(LONGEST).await;
            return Err(Refusal::Line("timed out".into()));
        }
        self.parcels += 1;
        self.there.append(&mut self.packed);
        Ok(())
    }
}

fn poster(keys: &str, bytes: usize) -> (Poster<Slow>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=RECORDS).map(reading).collect();
    store(folder.path(), 4_200_000, &records);
    let (mut book, ..) = book(folder.path(), keys, RECORDS);
    book.stored = RECORDS;
    let mut poster = Poster::new(book, Slow::new(bytes), 0);
    poster.longest = LONGEST;
    (poster, folder)
}

#[tokio::test]
async fn a_budget_below_a_batch_is_used_up_each_day_until_everything_is_there() {
    let (mut poster, _folder) = poster("batch = 10000\nbudget = \"10KB\"", usize::MAX);
    let (mut days, start) = (0_i64, Instant::now());
    while poster.cursor < RECORDS {
        let before = poster.cursor;
        days += 1;
        poster.book.budget.today((30_000 + days) * 24 * 3600 * 1000);
        while poster.turn(start + Duration::from_hours(24 * days.unsigned_abs())).await {}
        assert!(poster.cursor > before, "nothing went on day {days}");
        let spent = poster.book.budget.spent().bytes;
        assert!(spent <= 9000, "{spent}");
        assert!(spent >= 3900 || poster.cursor == RECORDS, "{spent} of 9000 on day {days}");
    }
    assert_eq!(poster.depot.there, (1..=RECORDS).collect::<Vec<_>>());
    assert!(poster.book.notes.quarantine.is_empty());
}

#[tokio::test]
async fn a_record_above_a_days_budget_is_named_and_the_rest_goes() {
    let (mut poster, _folder) = poster("batch = 1000\nbudget = \"10KB\"", usize::MAX);
    poster.book.budget = super::super::budget::Budget::new(Some(150), Default::default());
    poster.turn(Instant::now()).await;
    while poster.most > 1 {
        assert!(poster.turn(Instant::now()).await);
    }
    assert!(poster.turn(Instant::now()).await);
    let refused = &poster.book.notes.quarantine[0];
    assert_eq!(refused.seq, 1);
    assert!(refused.reason.contains("budget of a day"), "{}", refused.reason);
}

#[tokio::test]
async fn what_a_slow_line_does_not_get_through_is_sent_in_parts() {
    let (mut poster, _folder) = poster("batch = 10000", 30_000);
    let mut turns = 0;
    while poster.cursor < RECORDS {
        poster.turn(Instant::now() + Duration::from_hours(1)).await;
        turns += 1;
        assert!(turns < 100, "{} of {RECORDS} are there", poster.cursor);
    }
    assert_eq!(poster.depot.there, (1..=RECORDS).collect::<Vec<_>>());
    let failed = poster.depot.tried - poster.depot.parcels;
    assert!(failed <= 30, "{failed} parcels were sent for nothing");
}
