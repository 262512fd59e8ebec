//! What `make package` looks for in a Debian package, at packages that are made here: for a board
//! that this machine cannot run programs of, there is no other look.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `e_machine` of an ELF program.
const ARM: u8 = 0xb7;
const PC: u8 = 0x3e;

fn put(root: &Path, path: &str, content: &[u8], mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The head of a program, which is all that is looked at.
fn program(machine: u8) -> Vec<u8> {
    let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, machine];
    head.extend([0, 1, 0, 0, 0]);
    head.resize(64, 0);
    head[52] = 64;
    head
}

/// A package as it should be, changed by somebody.
fn package(folder: &Path, change: impl FnOnce(&Path)) -> PathBuf {
    let root = folder.join("root");
    drop(fs::remove_dir_all(&root));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = fs::read(here.join("cross/outpost.service")).unwrap();
    put(&root, "usr/bin/outpost", &program(ARM), 0o755);
    put(&root, "usr/bin/outpost-launcher", &program(ARM), 0o755);
    put(&root, "lib/systemd/system/outpost.service", &unit, 0o644);
    for file in [
        "doc/outpost/install.md",
        "doc/outpost/fleet.md",
        "outpost/adapters/edge-operator.gguf",
        "bash-completion/completions/outpost",
        "man/man1/outpost.1",
    ] {
        put(&root, &format!("usr/share/{file}"), b"text\n", 0o644);
    }
    let control = "Package: outpost\nVersion: 0.1.0\nArchitecture: arm64\nMaintainer: a <a@b>\n\
                   Depends: libc6 (>= 2.27), adduser\nDescription: x\n";
    put(&root, "DEBIAN/control", control.as_bytes(), 0o644);
    for script in ["postinst", "prerm", "postrm"] {
        put(&root, &format!("DEBIAN/{script}"), b"#!/bin/sh\n", 0o755);
    }
    change(&root);
    let to = folder.join("outpost.deb");
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zgzip", "--build"]).arg(&root).arg(&to);
    assert!(build.output().unwrap().status.success());
    to
}

fn looked(package: &Path, architecture: &str) -> (String, bool) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/check-package.sh");
    let end = Command::new(script).arg(package).arg(architecture).output().unwrap();
    let text = [end.stdout, end.stderr].concat();
    (String::from_utf8(text).unwrap(), end.status.success())
}

#[test]
fn a_package_for_arm_is_looked_into_without_running_it() {
    let folder = tempfile::tempdir().unwrap();
    let (text, ok) = looked(&package(folder.path(), |_| {}), "arm64");
    assert!(ok && text.contains("is for arm64, and whole"), "{text}");
    let (text, ok) = looked(&folder.path().join("outpost.deb"), "amd64");
    assert!(!ok && text.contains("it is for arm64, not for amd64"), "{text}");

    type Change = fn(&Path);
    let wrong: [(Change, &str); 6] = [
        (
            |root| put(root, "usr/bin/outpost", &program(PC), 0o755),
            "/usr/bin/outpost is for 'Advanced Micro Devices X86-64', not for AArch64",
        ),
        (
            |root| fs::remove_file(root.join("usr/bin/outpost-launcher")).unwrap(),
            "usr/bin/outpost-launcher: missing, wanted is mode 755",
        ),
        (
            |root| put(root, "usr/bin/outpost", &program(ARM), 0o4755),
            "./usr/bin/outpost: its mode is -rwsr-xr-x",
        ),
        (
            |root| put(root, "etc/outpost/key", b"x", 0o666),
            "./etc/outpost/key: its mode is -rw-rw-rw-",
        ),
        (|root| fs::remove_file(root.join("DEBIAN/postrm")).unwrap(), "no script postrm"),
        (
            |root| fs::remove_file(root.join("usr/share/man/man1/outpost.1")).unwrap(),
            "no manual page",
        ),
    ];
    for (change, what) in wrong {
        let (text, ok) = looked(&package(folder.path(), change), "arm64");
        assert!(!ok && text.contains(what), "wanted {what}; found {text}");
    }
}
