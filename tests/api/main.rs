//! The API, asked by OpenAI's own Python client: `client.py` says what must hold. The service and
//! the model are real. `cross/setup.sh dev` installs the client; without it this fails.

#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../common/python.rs"]
mod python;
use python::python;

const TOKEN: &str = "a-token-of-this-test-only";
/// Longest wait for the service to answer: it loads a model, in a debug build.
const START: Duration = Duration::from_secs(120);

struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn openais_own_client_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (bus, web) = (free_port(), free_port());
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mind/reference.py");
    let made = Command::new(python()).arg(reference).arg("make").arg(folder.path()).status();
    assert!(made.unwrap().success());
    let vectors = folder.path().join("qwen3-embedding.gguf");
    let config = folder.path().join("outpost.toml");
    let text = format!(
        "[device]\nname = \"api\"\n[bus]\nurl = \"embedded\"\nlisten = \"127.0.0.1:{bus}\"\n\
         [mind]\nmodels = [\"smollm2-135m-instruct-q4_1\", {vectors:?}]\n[web]\n\
         listen = \"127.0.0.1:{web}\"\ntoken_file = {token:?}\n\
         [journal]\npath = {:?}\n",
        folder.path().join("journal")
    );
    std::fs::write(&config, text).unwrap();
    let service = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["run", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut service = Service(service);
    let url = format!("http://127.0.0.1:{web}");
    let until = Instant::now() + START;
    while !ready(&url) {
        assert!(service.0.try_wait().unwrap().is_none(), "the service has ended");
        assert!(Instant::now() < until, "no model within {START:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/client.py");
    let status = Command::new(python()).arg(client).args([&url, TOKEN]).status().unwrap();
    assert!(status.success(), "{status}");
}

/// Whether the model is loaded.
fn ready(url: &str) -> bool {
    let answer = ureq::get(&format!("{url}/v1/models"))
        .header("Authorization", &format!("Bearer {TOKEN}"))
        .call();
    let text = answer.ok().and_then(|mut answer| answer.body_mut().read_to_string().ok());
    text.is_some_and(|text| text.contains("\"ready\":true"))
}
