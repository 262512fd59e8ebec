//! The page's text without a service: what is unknown is absent, names are escaped.

use std::sync::Arc;

use super::host::{after_key, cpu_seconds};
use super::{DestinationMeters, JournalMeters, Metrics, Sources};
use crate::config::{self, Strictness};

fn config(text: &str) -> Arc<config::Config> {
    Arc::new(config::from_text(text, "outpost.toml", &[], Strictness::Run).unwrap().0)
}

#[test]
fn before_the_first_event_nothing_is_claimed_of_the_place() {
    let config = config("[device]\nname = \"p\"\n[[sensor]]\nname = \"air\"\ntopic = \"a\"\n");
    let metrics = Metrics::new(&config, Sources::default());
    let page = metrics.page().unwrap();
    assert!(page.contains("outpost_build_info{version=\""), "{page}");
    assert!(page.contains("outpost_agent_idle_seconds "), "{page}");
    assert!(!page.contains("outpost_sensor"), "{page}");
    assert!(!page.contains("outpost_journal_commits"), "no journal, no figures: {page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn journal_and_destinations_are_on_the_page() {
    let journal = JournalMeters::default();
    journal.commits.inc_by(3);
    journal.lost_by_quota.inc_by(70);
    journal.failing.set(1);
    let cloud = DestinationMeters::new("far \"away\"\n");
    cloud.at(40, 2);
    let now = jiff::Timestamp::now().as_millisecond();
    cloud.waits(Some((16_000, now - 90_000)));
    let sources = Sources { journal: Some(journal), destinations: vec![cloud.clone()] };
    let metrics = Metrics::new(&config("[device]\nname = \"p\"\n"), sources);
    let page = metrics.page().unwrap();
    for line in [
        "outpost_journal_commits_total 3.0\n",
        "outpost_journal_lost_total{reason=\"quota\"} 70.0\n",
        "outpost_journal_failing 1.0\n",
        "outpost_uplink_backlog_records{destination=\"far \\\"away\\\"\\n\"} 2.0\n",
        "outpost_uplink_backlog_bytes{destination=\"far \\\"away\\\"\\n\"} 16000.0\n",
        "outpost_uplink_oldest_seconds{destination=\"far \\\"away\\\"\\n\"} 9",
        "outpost_uplink_acknowledged_seq{destination=\"far \\\"away\\\"\\n\"} 40.0\n",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    let stalled = "outpost_uplink_stalled_seconds{destination=\"far \\\"away\\\"\\n\"} ";
    assert!(!page.contains(&format!("{stalled}0.0\n")), "{page}");
    cloud.at(42, 0);
    cloud.waits(None);
    let page = metrics.page().unwrap();
    let oldest = "outpost_uplink_oldest_seconds{destination=\"far \\\"away\\\"\\n\"} 0.0\n";
    assert!(page.contains(oldest), "{page}");
    assert!(page.contains(&format!("{stalled}0.0\n")), "{page}");
}

#[test]
fn the_kernels_files_are_read_as_they_are_written() {
    assert_eq!(after_key("VmHWM:\t 99 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234.0));
    assert_eq!(after_key("VmRSS:\n", "VmRSS:"), None);
    let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9";
    assert_eq!(cpu_seconds(stat), Some(3.0));
    assert_eq!(cpu_seconds("7 (a) S 1"), None);
}
