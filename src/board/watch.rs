//! Looks at the board again and again and tells the runtime when the governor changes its mind.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::governor::{Change, Governor};
use super::profile::Profile;
use super::root::Root;
use super::senses::{self, sense};
use crate::limits::{BOARD_CHANGES_MAX, BOARD_LOOK_MS};

/// Starts the task; it ends when the receiver is dropped. `journal` is a folder on the disk whose
/// free space counts. A sensor that hangs stops the looking and nothing else.
///
/// Must be called on a tokio runtime.
#[must_use]
pub fn watch(root: Root, profile: &'static Profile, journal: PathBuf) -> mpsc::Receiver<Change> {
    let (tell, changes) = mpsc::channel(BOARD_CHANGES_MAX);
    tokio::spawn(async move {
        let mut governor = Governor::new(profile.limits);
        let began = Instant::now();
        let mut pace = tokio::time::interval(Duration::from_millis(BOARD_LOOK_MS));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = pace.tick() => {}
                () = tell.closed() => return,
            }
            let (folder, disk) = (root.clone(), journal.clone());
            let look = move || sense(&folder, &profile.thermal, &disk);
            let Ok(mut now) = tokio::task::spawn_blocking(look).await else { return };
            if now.throttled.is_none() {
                now.throttled = senses::vcgencmd(&root).await;
            }
            if let Some(change) = governor.look(&now, began.elapsed())
                && tell.send(change).await.is_err()
            {
                return;
            }
        }
    });
    changes
}
