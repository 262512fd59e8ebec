//! Whether the kernel's routes have changed: then a line may be there again, and the pause of the
//! link is not waited for. Looks at two small files of `/proc`; where they are not there, nothing
//! ever changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use crate::limits::UPLINK_ROUTES_MS;

/// IPv4: interface, destination, gateway, flags, mask (the others count uses).
const COLUMNS_4: [usize; 5] = [0, 1, 2, 3, 7];
/// IPv6: destination with its length, next hop, interface (the others count uses).
const COLUMNS_6: [usize; 4] = [0, 1, 4, 9];

/// The routes as they were seen last.
#[derive(Debug)]
pub(super) struct Routes {
    folder: PathBuf,
    seen: u64,
    looked: Instant,
}

impl Routes {
    /// Those of this machine.
    pub(super) fn new() -> Routes {
        Routes::below(Path::new("/proc/net"))
    }

    fn below(folder: &Path) -> Routes {
        Routes { folder: folder.to_owned(), seen: mark(folder), looked: Instant::now() }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.looked + std::time::Duration::from_millis(UPLINK_ROUTES_MS)
    }

    /// True where they have changed since the last look; looks only when it is due.
    pub(super) fn have_changed(&mut self, now: Instant) -> bool {
        if now < self.due() {
            return false;
        }
        self.looked = now;
        let mark = mark(&self.folder);
        std::mem::replace(&mut self.seen, mark) != mark
    }
}

/// What stands for the routes: the same where they are the same.
fn mark(folder: &Path) -> u64 {
    let mut mark = DefaultHasher::new();
    for (file, columns) in [("route", &COLUMNS_4[..]), ("ipv6_route", &COLUMNS_6[..])] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let mut lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                columns.iter().filter_map(|at| words.get(*at).copied()).collect()
            })
            .collect();
        lines.sort_unstable();
        lines.hash(&mut mark);
    }
    mark.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::disk;

    const HEAD: &str = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";

    fn write(folder: &Path, lines: &str) {
        disk::replace(&folder.join("route"), format!("{HEAD}{lines}").as_bytes()).unwrap();
    }

    #[test]
    fn a_new_route_is_news_and_a_counter_is_not() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "lo 0000007F 00000000 0001 0 0 0 000000FF 0 0 0\n");
        let mut routes = Routes::below(folder.path());
        let now = Instant::now();
        let later = |looks: u64| now + Duration::from_millis(looks * UPLINK_ROUTES_MS + 100);
        assert!(!routes.have_changed(later(1)));
        write(folder.path(), "lo 0000007F 00000000 0001 7 9 0 000000FF 0 0 0\n");
        assert!(!routes.have_changed(later(2)), "only its counters");
        write(
            folder.path(),
            "ppp0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n\
             lo 0000007F 00000000 0001 7 9 0 000000FF 0 0 0\n",
        );
        assert!(!routes.have_changed(later(2)), "not before it is due");
        assert!(routes.have_changed(later(3)));
        assert!(!routes.have_changed(later(4)));
        assert!(!Routes::below(&folder.path().join("none")).have_changed(later(5)));
    }
}
