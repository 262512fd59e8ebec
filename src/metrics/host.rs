//! This process and the board, read from the kernel when the page is asked for. A board without a
//! sensor has no sample of it.

use std::fmt::Error;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Pen;
use crate::board::{Profile, Root, sense};
use crate::config::Config;
use crate::identity::{Facts, Papers};

/// Unit of `/proc/self/stat`: the kernel's constant `USER_HZ` on the processors that we build for.
const TICKS_PER_S: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Host {
    root: Root,
    profile: &'static Profile,
    journal: PathBuf,
    quota_bytes: u64,
    papers: Vec<Papers>,
}

impl Host {
    pub(super) fn new(config: &Config) -> Host {
        Host {
            root: Root::of_environment(),
            profile: config.device.board,
            journal: config.journal.path.clone(),
            quota_bytes: config.journal.quota_bytes,
            papers: Papers::of(config),
        }
    }

    /// Bytes written to the block device under the journal since the machine's start, by whoever:
    /// what wears a card out. Field 7 of the kernel's `stat` of a block device counts sectors of
    /// 512 bytes, whatever the device's own are.
    fn device_written_bytes(&self) -> Option<f64> {
        let device = std::fs::metadata(&self.journal).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let text = self.root.text(format!("sys/dev/block/{major}:{minor}/stat"))?;
        text.split_whitespace().nth(6)?.parse::<f64>().ok().map(|sectors| sectors * 512.0)
    }

    /// Bytes of the journal's folder; it holds no folders.
    fn journal_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.journal) else { return 0 };
        let sizes = entries.flatten().filter_map(|entry| entry.metadata().ok());
        sizes.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
    }
}

/// A number behind a key of a file such as `VmRSS:  1234 kB`.
pub(crate) fn after_key(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Seconds of processor time by a line of `/proc/<pid>/stat`: fields 14 and 15. The program's name
/// before them may hold spaces and brackets.
pub(crate) fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

impl Collector for Host {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut pen = Pen(encoder);
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&read("/proc/self/stat")) {
            let help = "Processor time of the agent's process, the mind's not counted.";
            pen.counter("process_cpu_seconds", help, seconds)?;
        }
        if let Some(kilobytes) = after_key(&read("/proc/self/status"), "VmRSS:") {
            let help = "Memory of the agent's process, the mind's not counted.";
            pen.gauge("process_resident_memory_bytes", help, kilobytes * 1024.0)?;
        }
        if let Some(bytes) = after_key(&read("/proc/self/io"), "write_bytes:") {
            let help = "Bytes that the agent's process had written to the disk.";
            pen.counter("outpost_disk_written_bytes", help, bytes)?;
        }
        if let Some(bytes) = self.device_written_bytes() {
            let help = "Bytes written to the device that holds the journal, by any program.";
            pen.counter("outpost_device_written_bytes", help, bytes)?;
        }
        let help = "Size of the journal's folder.";
        pen.gauge("outpost_journal_bytes", help, self.journal_bytes() as f64)?;
        let help = "Most that the journal may take.";
        pen.gauge("outpost_journal_quota_bytes", help, self.quota_bytes as f64)?;
        let now_unix_s = jiff::Timestamp::now().as_second();
        let left = self.papers.iter().filter_map(|papers| {
            let facts = Facts::of_file(&papers.cert).ok()?;
            Some(([("section", papers.section.as_str())], (facts.ends_unix_s - now_unix_s) as f64))
        });
        let help = "Until our certificate ends, by the section that names it.";
        pen.gauges("outpost_certificate_left_seconds", help, left)?;
        let senses = sense(&self.root, &self.profile.thermal, &self.journal);
        let throttled = f64::from(u8::from(senses.throttled.is_some()));
        let help = "1 while heat or voltage slows the board down.";
        pen.gauge("outpost_board_throttled", help, throttled)?;
        let known = [
            ("outpost_board_temperature_celsius", "Hottest zone that counts.", senses.celsius),
            (
                "outpost_board_memory_available_ratio",
                "Share of the memory that is available, 0 to 1.",
                senses.memory_available.map(|percent| percent / 100.0),
            ),
            ("outpost_board_load", "Load of the last minute for each core.", senses.load),
            (
                "outpost_board_disk_free_bytes",
                "Free where the journal lies.",
                senses.disk_free_bytes.map(|bytes| bytes as f64),
            ),
        ];
        for (name, help, value) in known {
            if let Some(value) = value {
                pen.gauge(name, help, value)?;
            }
        }
        Ok(())
    }
}
