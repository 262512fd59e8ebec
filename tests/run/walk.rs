//! The walk-through of docs/fleet.md, word by word: the blocks of the laptop in one folder, those
//! of the board in another, both on this machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::common::{eventually, free_port};
use crate::launched::{PATIENCE, launcher};

/// A block of the page: on which machine, whether it stays, and its words.
struct Block {
    place: String,
    stays: bool,
    text: String,
}

fn blocks() -> Vec<Block> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleet.md");
    let page = fs::read_to_string(page).unwrap();
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("```sh ") else { continue };
        let (place, stays) = words.split_once(' ').unwrap_or((words, ""));
        let body: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(Block { place: place.into(), stays: stays == "stays", text: body.join("\n") });
    }
    blocks
}

/// Both machines: a folder each, and the programs that they have.
struct House {
    folder: TempDir,
    ports: [u16; 2],
    /// Each block is the first of a process group.
    groups: Vec<Child>,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["laptop", "board", "bin"] {
            fs::create_dir(at(name)).unwrap();
        }
        let outpost = env!("CARGO_BIN_EXE_outpost");
        symlink(outpost, at("bin/outpost")).unwrap();
        symlink(launcher(), at("bin/outpost-launcher")).unwrap();
        let program = format!("#!/bin/sh\nexec {outpost} \"$@\"\n");
        fs::write(at("program"), program).unwrap();
        fs::set_permissions(at("program"), fs::Permissions::from_mode(0o755)).unwrap();
        // Between the two folders, and the program as the board has it.
        let (board, program) = (at("board"), at("program"));
        let scp = format!(
            "#!/bin/sh\ncase $1 in\nboard:/usr/bin/outpost) cp {} \"$2\";;\n\
             *) cp \"$1\" {};;\nesac\n",
            program.display(),
            board.display()
        );
        fs::write(at("bin/scp"), scp).unwrap();
        fs::set_permissions(at("bin/scp"), fs::Permissions::from_mode(0o755)).unwrap();
        House { folder, ports: [free_port(), free_port()], groups: Vec::new() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The words of the page, for this house.
    fn here(&self, text: &str) -> String {
        let [broker, web] = self.ports.map(|port| port.to_string());
        let text = text.replace("192.168.1.10", "127.0.0.1").replace("1883", &broker);
        let text = text.replace("8000", &web);
        // Of the laptop's own broker the page says nothing, since it is the default.
        let url = format!(" --url mqtt://127.0.0.1:{broker} --keys keys --repository");
        text.replace(" --keys keys --repository", &url)
    }

    fn run(&mut self, block: &Block) {
        let path = std::env::var("PATH").unwrap();
        let log = self.at(&format!("log-{}", self.groups.len()));
        let out = fs::File::create(&log).unwrap();
        let mut command = Command::new("sh");
        // As typed, one goes on after a program that fails; a block that ends must not have any.
        command.args([if block.stays { "-c" } else { "-ec" }, &self.here(&block.text)]);
        command.current_dir(self.at(&block.place));
        command.env("PATH", format!("{}:/usr/sbin:{path}", self.at("bin").display()));
        command.env("OUTPOST_BOARD_ROOT", self.at("board")).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        self.groups.push(command.process_group(0).spawn().unwrap());
        if block.stays {
            return;
        }
        let child = self.groups.last_mut().unwrap();
        let ended = eventually(&block.text, PATIENCE, || child.try_wait().unwrap());
        let said = fs::read_to_string(&log).unwrap();
        println!("{} $ {}\n{said}", block.place, block.text);
        assert!(ended.success(), "{} ended with {ended}: {said}", block.text);
    }

    /// What `outpost update status` says on the board.
    fn status(&self) -> Json {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
        command.args(["--json", "update", "status", "--slots"]).arg(self.at("board/slots"));
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in &mut self.groups {
            // Gone already, where nothing of the block stays.
            kill_process_group(Pid::from_child(child), Signal::KILL).ok();
            drop(child.wait());
        }
        if std::thread::panicking() {
            for log in 0..self.groups.len() {
                let said = fs::read_to_string(self.at(&format!("log-{log}"))).unwrap_or_default();
                let lines: Vec<_> = said.lines().collect();
                eprintln!(
                    "---- block {log}\n{}",
                    lines[lines.len().saturating_sub(20)..].join("\n")
                );
            }
        }
    }
}

#[test]
fn the_walk_through_of_the_page_works_word_by_word() {
    let blocks = blocks();
    let mut house = House::new();
    let mut seen = Vec::new();
    for block in &blocks {
        house.run(block);
        if block.text.contains("update status") {
            seen.push(house.status());
        }
    }
    assert_eq!(blocks.len(), 8);
    let [good, bad] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(good["state"] == "confirmed" && good["confirmed"] == "1.0.1", "{good}");
    assert!(bad["state"] == "undone" && bad["confirmed"] == "1.0.1", "{bad}");
}
