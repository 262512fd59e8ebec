//! Records as an Apache Parquet file, a row each, for who evaluates them with SQL or data frames.
//! Only the form; which records is decided elsewhere.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::export::cells;
use crate::domain::{Entry, Value};
use crate::journal::{Record, boot_hex, record_json};
use crate::limits::{PARQUET_GROUP_BYTES, PARQUET_GROUP_ROWS};

/// The columns, in their order; `docs/formats.md` says what they hold.
const COLUMNS: &str = "message outpost {
    REQUIRED INT64 seq (INTEGER(64, false));
    REQUIRED INT64 time (TIMESTAMP(MILLIS, true));
    REQUIRED BYTE_ARRAY clock (STRING);
    REQUIRED BYTE_ARRAY boot (STRING);
    REQUIRED BYTE_ARRAY kind (STRING);
    OPTIONAL BYTE_ARRAY name (STRING);
    OPTIONAL DOUBLE number;
    OPTIONAL BYTE_ARRAY value (STRING);
    OPTIONAL BYTE_ARRAY state (STRING);
    OPTIONAL BYTE_ARRAY text (STRING);
    OPTIONAL BYTE_ARRAY record (JSON);
}";

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A column that has a value in every row, or a hole.
struct Column<T> {
    values: Vec<T>,
    /// 1 where a row has a value.
    levels: Vec<i16>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Column<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

/// The rows that wait for their group.
#[derive(Default)]
struct Rows {
    seq: Vec<i64>,
    at: Vec<i64>,
    clock: Vec<ByteArray>,
    boot: Vec<ByteArray>,
    kind: Vec<ByteArray>,
    name: Column<ByteArray>,
    number: Column<f64>,
    value: Column<ByteArray>,
    state: Column<ByteArray>,
    text: Column<ByteArray>,
    record: Column<ByteArray>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, record: &Record) {
        // The format has no other; a sequence of 2⁶³ is never reached.
        self.seq.push(record.seq.cast_signed());
        self.at.push(record.unix_ms);
        self.clock.push(record.trust.word().into());
        self.boot.push(boot_hex(record.boot).as_str().into());
        self.kind.push(record.kind.word().into());
        let entry = record.entry();
        let reading = match &entry {
            Ok(Entry::Reading { value, .. }) => Some(value),
            _ => None,
        };
        let number = match reading {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::Bool(yes)) => Some(f64::from(u8::from(*yes))),
            _ => None,
        };
        let words = match &entry {
            Ok(entry) => cells(entry),
            Err(error) => {
                [String::new(), String::new(), "unreadable".to_owned(), error.to_string()]
            }
        };
        // A reading is whole in its columns; the rest is more than a row.
        let whole = reading.is_none().then(|| record_json(record).to_string());
        self.bytes += words.iter().map(String::len).sum::<usize>();
        self.bytes += whole.as_ref().map_or(0, String::len);
        let cell = |text: String| (!text.is_empty()).then(|| ByteArray::from(text.into_bytes()));
        let [name, value, state, text] = words;
        self.name.push(cell(name));
        self.number.push(number);
        self.value.push(cell(value));
        self.state.push(cell(state));
        self.text.push(cell(text));
        self.record.push(whole.and_then(cell));
    }

    fn is_full(&self) -> bool {
        self.seq.len() >= PARQUET_GROUP_ROWS || self.bytes >= PARQUET_GROUP_BYTES
    }
}

/// A file that grows by groups of rows.
pub(super) struct Sheet {
    file: SerializedFileWriter<Vec<u8>>,
    rows: Rows,
}

impl Sheet {
    /// Begins a file.
    pub(super) fn new() -> anyhow::Result<Sheet> {
        let columns = Arc::new(parse_message_type(COLUMNS)?);
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let form = WriterProperties::builder().set_compression(zstd).build();
        let file = SerializedFileWriter::new(Vec::new(), columns, Arc::new(form))?;
        Ok(Sheet { file, rows: Rows::default() })
    }

    /// One more row; gives the next part of the file, which is empty until a group is full.
    pub(super) fn push(&mut self, record: &Record) -> anyhow::Result<Vec<u8>> {
        self.rows.push(record);
        if !self.rows.is_full() {
            return Ok(Vec::new());
        }
        self.close_group()?;
        self.file.flush()?;
        // Where it stands in the file the writer counts by itself.
        Ok(std::mem::take(self.file.inner_mut()))
    }

    /// The rest, and the end of the file, without which nobody can read it.
    pub(super) fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        if !self.rows.seq.is_empty() {
            self.close_group()?;
        }
        Ok(self.file.into_inner()?)
    }

    fn close_group(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        numbers(&mut group, &rows.seq)?;
        numbers(&mut group, &rows.at)?;
        for words in [rows.clock, rows.boot, rows.kind] {
            texts(&mut group, &words, None)?;
        }
        texts(&mut group, &rows.name.values, Some(&rows.name.levels))?;
        if let Some(mut column) = group.next_column()? {
            let Column { values, levels } = &rows.number;
            column.typed::<DoubleType>().write_batch(values, Some(levels), None)?;
            column.close()?;
        }
        for column in [rows.value, rows.state, rows.text, rows.record] {
            texts(&mut group, &column.values, Some(&column.levels))?;
        }
        group.close()?;
        Ok(())
    }
}

fn numbers(group: &mut Group<'_>, values: &[i64]) -> anyhow::Result<()> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

fn texts(
    group: &mut Group<'_>,
    values: &[ByteArray],
    levels: Option<&[i16]>,
) -> anyhow::Result<()> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
        column.close()?;
    }
    Ok(())
}
