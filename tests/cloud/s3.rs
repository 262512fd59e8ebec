//! Objects in an S3 server (the crate s3s-fs): signed requests over real HTTP.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use outpost::domain::Severity;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::common::{eventually, free_port, wait_listening};
use crate::site::{Board, SOON};

const RECORDS: u64 = 20_000;

/// The server over a folder; killed where it goes out of scope.
struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("records")).unwrap();
        let mut server = Server { folder, port: free_port(), child: None };
        server.run();
        server
    }

    fn run(&mut self) {
        let program = std::env::var("OUTPOST_S3_SERVER").expect("run by `make test-cloud`");
        let child = Command::new(program)
            .args(["--access-key", "board", "--secret-key", "right", "--host", "127.0.0.1"])
            .args(["--port", &self.port.to_string()])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_listening("the server", self.child.insert(child), self.port);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn sequences(&self) -> Vec<u64> {
        sequences(&self.folder.path().join("records/north/board/records"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sequences of all records of a folder's objects, in the order of their names.
fn sequences(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "zst"));
    paths.sort();
    let lines = paths.iter().flat_map(|path| {
        // One that is just being written is looked at the next time.
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = zstd::stream::decode_all(&bytes[..]).unwrap_or_default();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).collect::<Vec<_>>()
    });
    lines.filter_map(|line| line["seq"].as_u64()).collect()
}

fn board(server: &Server, secret: &Path) -> Board {
    let keys = format!(
        "endpoint = \"http://127.0.0.1:{}\"\nusername = \"board\"\npassword_file = \"{}\"\n\
         batch = 500\ndelay = \"0s\"",
        server.port,
        secret.display()
    );
    Board::start_at("s3://records/north", &keys)
}

#[test]
fn a_server_that_is_killed_in_the_midst_has_every_record_once() {
    let mut server = Server::start();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "right\n").unwrap();
    let mut board = board(&server, secret.path());
    for _ in 0..RECORDS / 1000 {
        board.readings(1000);
    }
    board.wait_stored();
    for part in [1, 2, 3] {
        eventually("some objects", SOON, || {
            (server.sequences().len() as u64 >= part * RECORDS / 5).then_some(())
        });
        server.kill();
        if part == 2 {
            board.restart();
        }
        server.run();
    }
    let there = eventually("all of them", SOON * 3, || {
        Some(server.sequences()).filter(|there| there.len() as u64 >= RECORDS)
    });
    assert_eq!(there, (1..=RECORDS).collect::<Vec<_>>(), "each once, in order");
    println!("S3: {} records, three kills of the server, one restart of the board", there.len());
}

#[test]
fn a_wrong_secret_is_said_and_a_right_one_is_taken_up() {
    let server = Server::start();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "wrong").unwrap();
    let mut board = board(&server, secret.path());
    board.readings(10);
    let news = board.news.as_mut().unwrap();
    let notice = eventually("a word about it", SOON, || news.notices.try_recv().ok());
    assert_eq!(notice.severity, Severity::Warning);
    assert!(notice.text.contains("hq") && !notice.text.contains("wrong"), "{}", notice.text);
    std::fs::write(secret.path(), "right").unwrap();
    let there = eventually("the records", SOON, || {
        Some(server.sequences()).filter(|there| there.len() >= 10)
    });
    assert_eq!(there, (1..=10).collect::<Vec<_>>());
}
