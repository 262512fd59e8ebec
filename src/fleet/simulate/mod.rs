//! A fleet in one process: many boards on a real broker, a real repository with real signatures,
//! and the program that runs rollouts as it is. What is left out are the boards' disks and
//! programs, and that each of them verifies the same bytes for itself: that is done once for all.

mod boards;

pub use boards::{Boards, Fate, Offered};

use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::manifest::{Name, Needs};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::campaign::{self, Observer, Tally, Verdict};
use super::publish::{Days, Shorter, describe, publish};
use super::rollout::{Plan, begin, change, now_unix_ms};
use super::{FleetError, fault, keys};
use crate::clock::{ClockTrust, Now, Tick};
use crate::limits::{
    KEEP_ALIVE_S, LINK_EVENTS_MAX, SIMULATE_BOARDS_A_LINE, SIMULATE_START_MS_MAX, SIMULATE_TICK_MS,
};
use crate::link::topics::DeviceTopic;
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace};
use crate::update::rollout::{Rollout, Standing};
use crate::update::{Source, Trust};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The broker.
    pub endpoint: Endpoint,
    /// A new folder for keys and repository.
    pub folder: PathBuf,
    /// What the boards are like.
    pub fate: Fate,
    /// What is rolled out; its release is made here.
    pub plan: Plan,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    signatures: u64,
    reports: u64,
    report_bytes: u64,
    acked: u64,
    lines_up: usize,
    known: usize,
    tally: Tally,
}

impl Observer for Counts {
    fn told(&mut self, _: &Rollout, tally: &Tally, known: usize, _: &Verdict) {
        (self.known, self.tally) = (known, tally.clone());
    }

    fn signed(&mut self) {
        self.signatures += 1;
    }

    fn line(&mut self, down: Option<&str>) {
        if let Some(reason) = down {
            tracing::warn!(reason, "no broker");
        }
    }
}

/// Lets a fleet live until its rollout is over, and a while longer; gives the figures.
///
/// # Errors
/// Where the folder or the broker cannot be used.
pub async fn run(setup: Setup) -> Result<Json, FleetError> {
    let began = Instant::now();
    let (keys, repository) = (setup.folder.join("keys"), setup.folder.join("repository"));
    keys::make(&keys).await?;
    let first: Name = "first".parse().map_err(FleetError::Rollout)?;
    for release in [&first, &setup.plan.release] {
        make_release(&setup.folder, release).await?;
    }
    let mut fleet = Fleet::join(&setup, Boards::new(setup.fate, &first))?;
    fleet.begin().await?;
    let joined = began.elapsed();
    let mut number = 0;
    let plan = setup.plan.clone();
    let edit = |document: &mut _| {
        number = begin(document, &plan, now_unix_ms())?;
        Ok(true)
    };
    change(&keys, &repository, Days::default(), edit).await?;
    let mut counts = Counts { signatures: 1, ..Counts::default() };
    let rollout = campaign::Setup {
        endpoint: setup.endpoint.clone(),
        keys: keys.clone(),
        repository: repository.clone(),
        days: Days::default(),
        number,
        once: false,
        nudge: false,
    };
    let rolled = Instant::now();
    let standing = tokio::select! {
        standing = campaign::run(rollout, std::future::pending(), &mut counts) => standing?,
        ended = fleet.live() => return Err(ended),
    };
    let seconds = rolled.elapsed().as_secs_f64();
    // Who would take it after its end has the time for it.
    let longer = Duration::from_millis(setup.fate.every_ms * 3);
    if let Ok(ended) = tokio::time::timeout(longer, fleet.live()).await {
        return Err(ended);
    }
    let document = super::rollout::read(&keys, &repository).await?;
    let one = document.rollouts.into_iter().find(|one| one.number == number);
    let one = one.ok_or_else(|| FleetError::Rollout("the rollout is gone".into()))?;
    let figures = figures(&fleet, &counts, &one, standing);
    let times = json!({"joined_s": joined.as_secs_f64(), "rollout_s": seconds});
    fleet.leave().await;
    Ok(merged(figures, times))
}

fn merged(mut one: Json, more: Json) -> Json {
    if let (Some(one), Json::Object(more)) = (one.as_object_mut(), more) {
        one.extend(more);
    }
    one
}

fn figures(fleet: &Fleet, counts: &Counts, one: &Rollout, standing: Standing) -> Json {
    let boards = &fleet.boards;
    let touched = boards.touched(&one.release).count();
    json!({
        "devices": boards.len(), "known": counts.known, "lines": fleet.links.len(),
        "standing": standing, "reason": one.reason,
        "step": one.step + 1, "steps": one.steps.len(), "percent": f64::from(one.share()) / 100.0,
        "inside": boards.who().filter(|board| one.has(board)).count(),
        "touched": touched,
        "beyond_step": boards.touched(&one.release).filter(|board| !one.has(board)).count(),
        "confirmed": counts.tally.confirmed, "undone": counts.tally.undone,
        "signatures": counts.signatures,
        "reports": fleet.counts.reports, "reports_acked": fleet.counts.acked,
        "report_bytes": fleet.counts.report_bytes,
        "looks": boards.looks, "metadata_bytes": boards.metadata_bytes,
    })
}

async fn make_release(folder: &Path, release: &Name) -> Result<(), FleetError> {
    let files = folder.join(format!("release-{release}"));
    crate::disk::folder(&files).map_err(super::from_disk)?;
    let text = format!("#!/bin/sh\necho {release}\n");
    let program = files.join("outpost");
    crate::disk::replace(&program, text.as_bytes()).map_err(super::from_disk)?;
    let name = "outpost".parse().map_err(FleetError::Rollout)?;
    describe(&files, release.clone(), name, Vec::new(), Needs::default())?;
    let (keys, to) = (folder.join("keys"), folder.join("repository"));
    publish(&keys, &to, &files, Days::default(), &Shorter::default()).await.map(drop)
}

/// The boards with their lines.
struct Fleet {
    boards: Boards,
    links: Vec<LinkHandle>,
    events: mpsc::Receiver<LinkEvent>,
    counts: Counts,
    offered: Offered,
    trust: Trust,
    from: PathBuf,
    began: Instant,
    token: u64,
}

impl Fleet {
    fn join(setup: &Setup, boards: Boards) -> Result<Fleet, FleetError> {
        let (tell, events) = mpsc::channel(LINK_EVENTS_MAX);
        let line = |number: usize| {
            let config = LinkConfig {
                endpoint: setup.endpoint.clone(),
                client_id: format!("outpost-simulated-{}-{number}", std::process::id()),
                is_lasting: false,
                will: None,
                subscriptions: Vec::new(),
                receipts: Vec::new(),
                keep_alive: Duration::from_secs(KEEP_ALIVE_S),
                pace: Pace::default(),
            };
            let link = crate::link::spawn(config, tell.clone());
            link.map_err(|error| FleetError::Rollout(error.to_string()))
        };
        let lines = boards.len().div_ceil(SIMULATE_BOARDS_A_LINE);
        let links = (0..lines).map(line).collect::<Result<Vec<_>, _>>()?;
        let root = setup.folder.join("keys").join(keys::ROOT_FILE);
        Ok(Fleet {
            boards,
            links,
            events,
            counts: Counts::default(),
            offered: Offered::default(),
            trust: Trust::of(&setup.folder.join("board"), &root),
            from: setup.folder.join("repository"),
            began: Instant::now(),
            token: 0,
        })
    }

    /// All lines are up and every board has told what it runs.
    async fn begin(&mut self) -> Result<(), FleetError> {
        for number in 0..self.boards.len() {
            self.tell(number)?;
        }
        let until = Instant::now() + Duration::from_millis(SIMULATE_START_MS_MAX);
        while self.counts.acked < self.counts.reports {
            if Instant::now() > until {
                let (acked, all) = (self.counts.acked, self.counts.reports);
                let up = self.counts.lines_up;
                let what = format!("the broker has {acked} of {all} reports, on {up} lines");
                return Err(FleetError::Rollout(what));
            }
            tokio::select! {
                Some(event) = self.events.recv() => self.hear(&event),
                () = sleep(Duration::from_millis(SIMULATE_TICK_MS)) => {}
            }
        }
        self.began = Instant::now();
        Ok(())
    }

    /// Lives; ends where something is wrong.
    async fn live(&mut self) -> FleetError {
        loop {
            if let Err(error) = self.tick().await {
                return error;
            }
            let until = Instant::now() + Duration::from_millis(SIMULATE_TICK_MS);
            loop {
                tokio::select! {
                    Some(event) = self.events.recv() => self.hear(&event),
                    () = tokio::time::sleep_until(until) => break,
                }
            }
        }
    }

    async fn tick(&mut self) -> Result<(), FleetError> {
        self.look().await?;
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        for number in self.boards.step(now_ms, &self.offered) {
            self.tell(number)?;
        }
        Ok(())
    }

    /// What a board sees that looks now. Read and verified once, by the code of a board.
    async fn look(&mut self) -> Result<(), FleetError> {
        let metadata = self.from.join("metadata");
        let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |facts| facts.len());
        let timestamp = metadata.join("timestamp.json");
        let bytes = std::fs::read(&timestamp).map_err(fault("read", &timestamp))?;
        let read: Json = serde_json::from_slice(&bytes).unwrap_or_default();
        let version = read["signed"]["version"].as_u64().unwrap_or(0);
        if version == self.offered.version {
            return Ok(());
        }
        let (trust, source) = (self.trust.clone(), Source::Folder(self.from.clone()));
        let now = Now { tick: Tick(0), unix_ms: now_unix_ms(), trust: ClockTrust::Synced };
        let verify = tokio::task::spawn_blocking(move || trust.rollouts(&source, now)).await;
        let verified = verify.map_err(|error| FleetError::Rollout(error.to_string()))?;
        let (document, _) =
            verified.map_err(|error| FleetError::Rollout(crate::causes::chain(&error)))?;
        let list = std::fs::read(metadata.join(format!("{version}.snapshot.json")));
        let list: Json = serde_json::from_slice(&list.unwrap_or_default()).unwrap_or_default();
        let meta = &list["signed"]["meta"];
        let signed = |role: &str| meta[role]["length"].as_u64().unwrap_or(0);
        let text = serde_json::to_vec(&document).map_or(0, |text| text.len() as u64);
        let news_bytes = length(metadata.join(format!("{version}.snapshot.json")))
            + signed("targets.json")
            + signed("rollout.json")
            + text;
        let look_bytes = bytes.len() as u64;
        self.offered = Offered { version, document, look_bytes, news_bytes };
        Ok(())
    }

    /// A board's report onto its line.
    fn tell(&mut self, number: usize) -> Result<(), FleetError> {
        let Some((name, report)) = self.boards.report(number) else { return Ok(()) };
        let device = name.parse().map_err(|_| FleetError::Rollout(name.to_owned()))?;
        let (topic, payload) = (DeviceTopic::Update.build(&device), report.to_string());
        self.counts.reports += 1;
        self.counts.report_bytes += (topic.len() + payload.len()) as u64;
        self.token += 1;
        let Some(link) = self.links.get(number / SIMULATE_BOARDS_A_LINE) else { return Ok(()) };
        let (token, payload) = (self.token, payload.into_bytes());
        let class = Class::State;
        let said = link.publish(Outgoing { token, topic, payload, retain: true, class });
        said.map_err(|error| FleetError::Rollout(error.to_string()))
    }

    fn hear(&mut self, event: &LinkEvent) {
        match event {
            // One that a newer one has replaced has been told too, as far as anybody cares.
            LinkEvent::Acked { .. } | LinkEvent::Lost { .. } => self.counts.acked += 1,
            LinkEvent::Up { .. } => self.counts.lines_up += 1,
            LinkEvent::Down { reason } => tracing::warn!(reason, "a line is down"),
            _ => {}
        }
    }

    async fn leave(self) {
        let Fleet { links, mut events, .. } = self;
        let drained = tokio::spawn(async move { while events.recv().await.is_some() {} });
        for link in links {
            link.close(Vec::new()).await;
        }
        drained.abort();
    }
}
