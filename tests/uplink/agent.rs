//! The real agent, killed with -9 again and again while it drains a backlog.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use outpost::link::{Endpoint, LinkConfig, LinkEvent, Pace, spawn};
use tokio::sync::mpsc::channel;

use crate::common::{Broker, eventually, wait_for};
use crate::proxy::{Proxy, Shape};
use crate::site::{Board, Receiver, SOON};

const BACKLOG: u64 = 200_000;

fn agent(config: &Path) -> Child {
    let log = config.with_extension("log");
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["run", "--config"])
        .arg(config)
        .env("OUTPOST_BOARD_ROOT", config.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

#[test]
fn an_agent_that_is_killed_while_it_drains_loses_nothing() {
    let broker = Broker::start();
    // Some seconds for the whole.
    let shape = Shape { bytes_per_s: 150_000, delay: Duration::from_millis(20) };
    let proxy = Proxy::start(broker.addr(), Some(shape));
    let mut board = Board::start("127.0.0.1:9".parse().unwrap(), "delay = \"1h\"");
    for _ in 0..BACKLOG / 1000 {
        board.readings(1000);
        board.wait_stored();
    }
    board.stop();
    let folder = board.folder.path();
    let config = folder.join("outpost.toml");
    let text = format!(
        "[device]\nname = \"board\"\n[bus]\nurl = \"mqtt://{}\"\n[journal]\npath = \"{}\"\n\
         quota = \"256MB\"\n[[cloud]]\nname = \"hq\"\nurl = \"mqtt://{}\"\nack = \"receiver\"\n\
         delay = \"100ms\"\n",
        broker.addr(),
        folder.display(),
        proxy.addr(),
    );
    std::fs::write(&config, text).unwrap();
    let receiver = Receiver::start(broker.addr());
    let mut kills = 0;
    for part in 1..=4 {
        let mut agent = agent(&config);
        // Behind the start of a debug build, which packs what it sends beside other tests.
        eventually("some of the backlog", SOON * 3, || {
            let here = receiver.look()?;
            assert_eq!(here.records, here.last, "each once and in order: {here:?}");
            (here.last > part * BACKLOG / 8).then_some(())
        });
        agent.kill().unwrap();
        agent.wait().unwrap();
        kills += u64::from(receiver.look().unwrap().last < BACKLOG);
    }
    assert_eq!(kills, 4, "it was always in the midst of draining");
    let mut last = agent(&config);
    receiver.wait(BACKLOG, Duration::from_secs(60));
    eventually("the status without a backlog", SOON, || {
        (backlog(broker.addr()) == Some(0)).then_some(())
    });
    last.kill().unwrap();
    last.wait().unwrap();
    let said = receiver.said();
    println!("{said}");
    assert!(said["repeats"].as_u64().unwrap() * 100 < BACKLOG, "{said}");
}

/// What the retained status says.
fn backlog(addr: std::net::SocketAddr) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, mut events) = channel(64);
        let config = LinkConfig {
            endpoint: Endpoint::at(addr),
            client_id: "looks".into(),
            is_lasting: true,
            will: None,
            subscriptions: vec!["outpost/board/status".into()],
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(10),
            pace: Pace::default(),
        };
        let _link = spawn(config, sender).unwrap();
        let status = wait_for(&mut events, "the status", SOON, |event| match event {
            LinkEvent::Message { payload, .. } => serde_json::from_slice(payload).ok(),
            _ => None,
        })
        .await;
        let status: serde_json::Value = status;
        status["backlog"].as_u64()
    })
}
