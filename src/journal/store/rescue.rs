//! Starts and recoveries that find something missing or damaged: what is set aside, what is saved,
//! which range is named as gone.

use std::fs;
use std::path::{Path, PathBuf};

use super::audit::{Beside, Gone};
use super::chain::Chain;
use super::restore::{self, Restored};
use super::{HEAD, JournalError, Store, audit, chain, damage, database, salvage, schema};
use crate::journal::block::kind_bit;
use crate::journal::record::Kind;

/// Ending of a file of the chain that was rebuilt and has not yet its name.
const RESCUED: &str = ".rescued";

/// The kinds of the audit database, as a block's mask has them.
fn audited_kinds() -> i64 {
    Kind::all().filter(|kind| kind.is_audited()).fold(0, |mask, kind| mask | kind_bit(kind))
}

/// Ends what a crash interrupted: a rebuilt file takes the place of the one that was set aside.
pub(super) fn finish(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(target) = path.to_str().and_then(|name| name.strip_suffix(RESCUED)) else {
            continue;
        };
        let target = PathBuf::from(target);
        let done =
            if target.exists() { damage::remove_database(&path) } else { publish(&path, &target) };
        if let Err(error) = done {
            tracing::warn!(error = error.chain(), "a rebuilt file of the journal stays unused");
        }
    }
}

fn publish(from: &Path, to: &Path) -> Result<(), JournalError> {
    crate::disk::publish(from, to).map_err(|error| JournalError::File {
        path: error.path,
        action: "published",
        source: error.source,
    })
}

impl Store {
    /// Sets the damaged audit database aside, saves what it can of it, begins a new one.
    pub(super) fn replace(&mut self, error: &JournalError) -> Result<Restored, JournalError> {
        self.audit = None;
        let aside = damage::set_aside(&self.path)?;
        let saved = damage::salvage(&aside);
        let found = format!(
            "{}; set aside as {}, {} saved from it",
            error.chain(),
            aside.display(),
            saved.words()
        );
        self.begin_anew(found, saved)
    }

    pub(super) fn begin_after_loss(&mut self) -> Result<Restored, JournalError> {
        self.audit = None;
        // A crash between setting a damaged file aside and beginning anew leads here too.
        let aside = damage::newest_aside(&self.path);
        let saved = aside.map(|aside| damage::salvage(&aside)).unwrap_or_default();
        let found = format!(
            "{}: missing or empty, a new one is begun; {} saved from the last damaged one",
            self.path.display(),
            saved.words()
        );
        self.begin_anew(found, saved)
    }

    /// Fills a new audit database with what was saved, and names the range that may be gone. Where
    /// the disk takes nothing, that is done with the first commit that it takes.
    fn begin_anew(
        &mut self,
        reason: String,
        saved: damage::Saved,
    ) -> Result<Restored, JournalError> {
        // The chain's end may be damaged too: then the reserve alone says what was used.
        let chain_last = self.chain.open().ok().flatten().unwrap_or(0);
        let next_seq = self.reserved_seq.max(chain_last).saturating_add(1);
        let mut restored = saved.restored(next_seq);
        self.beginning = Some(damage::Beginning { reason: reason.clone(), next_seq, saved });
        match self.audit() {
            Ok(_) => restored = self.open_and_restore()?,
            Err(error) => restored.refused = Some(error.chain()),
        }
        restored.damage = Some(reason);
        restored.clean_stop = false;
        Ok(restored)
    }

    /// Puts all that the chain has for the audit database into a new one.
    pub(super) fn rebuild(&mut self) -> Result<(), JournalError> {
        let path = self.path.clone();
        let failed = |source| database(&path, "rebuilding from the chain", source);
        let Some(connection) = &mut self.audit else { return Ok(()) };
        if restore::meta(connection, "rebuilding").map_err(failed)? == 0 {
            return Ok(());
        }
        let files = self.chain.files().to_vec();
        replay(&self.chain, connection, &path, &files, 0)?;
        restore::set_meta(connection, "rebuilding", 0).map_err(failed)
    }

    /// Opens the chain and brings the audit database up to it: the two are one journal.
    pub(super) fn join_chain(&mut self, restored: &mut Restored) -> Result<(), JournalError> {
        let found = match self.reading(|store| store.chain.open()) {
            Ok(last) => self.join(last, restored),
            Err(error) if error.is_damage() => self.rescue_at_start(&error, restored),
            Err(error) => Err(error),
        };
        match found {
            Ok(()) => {}
            Err(error) => {
                // No state of the disk stops a start.
                self.audit = None;
                let last = self.chain.newest().and_then(|first| self.chain.look_at_end(first));
                restored.next_seq = restored.next_seq.max(last.unwrap_or(0).saturating_add(1));
                let refused = error.chain();
                tracing::error!(refused, "the journal's disk takes no records, memory is used");
                restored.refused.get_or_insert(refused);
            }
        }
        Ok(())
    }

    fn join(&mut self, last: Option<u64>, restored: &mut Restored) -> Result<(), JournalError> {
        let end = last.unwrap_or(0);
        restored.floor_unix_ms = restored.floor_unix_ms.max(self.chain.floor_ms());
        self.floor_ms = self.floor_ms.max(restored.floor_unix_ms);
        let Some(connection) = &mut self.audit else {
            restored.next_seq = restored.next_seq.max(end.saturating_add(1));
            return Ok(());
        };
        let path = self.path.clone();
        let failed = |source| database(&path, "joining it to the chain", source);
        if restore::meta(connection, "rebuilding").map_err(failed)? != 0 {
            self.rebuild()?;
        }
        let Some(connection) = &mut self.audit else { return Ok(()) };
        let head = audit::link(connection, HEAD).map_err(failed)?.seq;
        let newest = self.chain.files().len().saturating_sub(2);
        let files = self.chain.files()[newest..].to_vec();
        let replayed = replay(&self.chain, connection, &path, &files, head)?;
        let known = head.max(restore::cursors_last(connection).map_err(failed)?);
        if replayed {
            let again = restore::look(connection).map_err(failed)?;
            let old = std::mem::replace(restored, again);
            restored.damage = old.damage;
            restored.refused = old.refused;
            restored.clean_stop = old.clean_stop;
            restored.floor_unix_ms = restored.floor_unix_ms.max(old.floor_unix_ms);
        }
        self.behind = false;
        restored.next_seq = restored.next_seq.max(end.saturating_add(1));
        if known > end && restored.damage.is_none() {
            self.chain_is_short(last, known, restored)?;
        }
        Ok(())
    }

    /// The audit database, or a receiver, knows records above the end of the chain: files or the
    /// end of one are lost. Said and named once.
    fn chain_is_short(
        &mut self,
        last: Option<u64>,
        known: u64,
        restored: &mut Restored,
    ) -> Result<(), JournalError> {
        let path = self.path.clone();
        let failed = |source| database(&path, "naming what is gone", source);
        let first = last.unwrap_or(0).saturating_add(1);
        let connection = self.audit()?;
        let named = restore::meta(connection, "chain_short_at").map_err(failed)?;
        if named == known.cast_signed() {
            return Ok(());
        }
        let found = format!("{}: blocks {first} to {known} are gone", self.folder.display());
        let gone = Gone { first, last: known, records: None, reason: found.clone() };
        self.name_gone(&gone, false)?;
        restore::set_meta(self.audit()?, "chain_short_at", known.cast_signed()).map_err(failed)?;
        restored.damage = Some(found);
        restored.clean_stop = false;
        Ok(())
    }

    fn rescue_at_start(
        &mut self,
        error: &JournalError,
        restored: &mut Restored,
    ) -> Result<(), JournalError> {
        let last = self.reserved_seq.max(restored.next_seq.saturating_sub(1));
        let found = self.rescue(error, last)?;
        let end = self.chain.open()?;
        let before = restored.damage.take();
        // What was saved may be ahead of the audit database.
        restored.damage = Some(found.clone());
        self.join(end, restored)?;
        restored.damage = Some(before.map_or(found.clone(), |before| format!("{before}; {found}")));
        restored.next_seq = restored.next_seq.max(last.saturating_add(1));
        restored.clean_stop = false;
        Ok(())
    }

    /// Sets a damaged file of the chain aside and puts its whole blocks into a new one of its name.
    /// Where there is no room for that it stays where it is, as a full one, and the next begins.
    /// `last` is the last sequence that may have been in it. Gives what was found in words.
    pub(super) fn rescue(
        &mut self,
        error: &JournalError,
        last: u64,
    ) -> Result<String, JournalError> {
        let newest = self.chain.newest().unwrap_or(1);
        let path = chain::path_of(&self.folder, newest);
        self.chain.forget();
        let blocks = salvage::blocks(&path);
        let records: usize = blocks.values().map(|(_, records)| records.len()).sum();
        let rescued = PathBuf::from(format!("{}{RESCUED}", path.display()));
        let written = Chain::write_rescued(&rescued, blocks);
        // A file that was just begun has the name of the next: nothing in it is whole.
        let stays = written.is_err() && newest <= last;
        let found = match &written {
            Ok(()) => format!("{}; set aside, {records} records saved from it", error.chain()),
            Err(refused) if stays => {
                let (error, refused) = (error.chain(), refused.chain());
                format!("{error}; it was not rebuilt, what can be read of it stays: {refused}")
            }
            Err(_) => format!("{}; set aside, nothing saved from it", error.chain()),
        };
        // The name first: after a crash between the two a file is damaged and named, never gone and
        // not named.
        let gone = Gone { first: newest, last, records: None, reason: found.clone() };
        let done = self.name_damage(&gone).and_then(|()| match stays {
            true => self.chain.begin(last.saturating_add(1)),
            false => damage::set_aside(&path).map(drop),
        });
        if written.is_err() || done.is_err() {
            damage::remove_database(&rescued).ok();
        }
        done?;
        if written.is_ok() {
            publish(&rescued, &path)?;
        }
        self.damage_named = None;
        self.chain.look();
        self.behind = true;
        Ok(found)
    }

    /// Names the range of a damaged file, once for each file however often its rescue is tried.
    fn name_damage(&mut self, gone: &Gone) -> Result<(), JournalError> {
        if self.damage_named != Some(gone.first) {
            self.name_gone(gone, false)?;
            self.damage_named = Some(gone.first);
        }
        Ok(())
    }

    /// Damage that was found while running.
    pub(super) fn recover_from_damage(
        &mut self,
        after: &JournalError,
        next_seq: u64,
    ) -> Result<Option<String>, JournalError> {
        let last = next_seq.saturating_sub(1);
        if after.path().is_some_and(chain::is_file) {
            return self.rescue(after, last).map(Some);
        }
        // The caller's sequence goes on where it is; the reserve must not push it.
        let reserved = std::mem::replace(&mut self.reserved_seq, last);
        let replaced = self.replace(after);
        self.reserved_seq = self.reserved_seq.max(reserved);
        self.behind = true;
        replaced.map(|restored| restored.damage)
    }
}

/// Applies the audited records of some files after a sequence; true where there were any.
fn replay(
    chain: &Chain,
    connection: &mut rusqlite::Connection,
    path: &Path,
    files: &[u64],
    after: u64,
) -> Result<bool, JournalError> {
    let mut any = false;
    chain.replay(files, after, audited_kinds(), &mut |records| {
        any = true;
        audit::apply(connection, records, Beside::default())
            .map_err(|source| database(path, "replaying the chain", source))
    })?;
    Ok(any)
}

impl Chain {
    /// A new file with blocks that were saved.
    fn write_rescued(
        path: &Path,
        blocks: std::collections::BTreeMap<u64, (u64, Vec<crate::journal::Record>)>,
    ) -> Result<(), JournalError> {
        damage::remove_database(path)?;
        let sizes = schema::block_sizes(crate::limits::JOURNAL_FILE_BYTES_MAX);
        let mut connection = schema::open(path, &schema::BLOCKS, sizes)?;
        let mut compressor = crate::journal::block::compressor();
        for (_, (_, records)) in blocks {
            let blocks = crate::journal::block::encode_all(&mut compressor, &records);
            chain::insert(&mut connection, &blocks)
                .map_err(|source| database(path, "writing what was saved", source))?;
        }
        chain::seal(&connection).map_err(|source| database(path, "closing", source))
    }
}
