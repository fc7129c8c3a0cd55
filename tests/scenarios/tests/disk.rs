//! A device whose disk is full for a while.

#![cfg(target_os = "linux")]

use std::{fs, io::Write as _, path::Path, process::Command};

use bailiwick_scenarios::Desk;

/// Of the file system that holds the agent's data folder.
const MIB: u64 = 48;

/// A small file system at a path, for as long as this lives.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        fs::create_dir(at).expect("the folder is ours");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={MIB}m,mode=0700"),
                "tmpfs",
            ])
            .arg(at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(at))
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).expect("a file");
        for chunk in [1 << 16, 1 << 9, 1] {
            while file.write_all(&vec![7; chunk]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).expect("the file is ours");
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_told_to_be_kept() {
    let untested = "a device whose disk is full";
    if !bailiwick_needs::root(untested) || !bailiwick_needs::own_mounts(untested) {
        return;
    }
    let mut desk = Desk::new();
    let console = desk.console();
    desk.report_each_second();
    fs::write(desk.path("device.toml"), desk.settings()).expect("the folder is ours");
    let data = desk.path("device");
    let Some(disk) = Small::mount(&data) else {
        bailiwick_needs::without("the right to mount here", untested);
        return;
    };
    let mut agent = desk.agent();
    agent.event("delivered");
    // What is made waits, so that the store grows until it can't.
    drop(console);
    agent.event("reported");
    disk.fill();
    let failed = agent.until("a report that can't be kept", |line| {
        line["event"] == "call-failed"
    });
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("could not be kept"), "{reason}");
    // It goes on, and can be asked.
    assert_eq!(desk.ask(&["status"])["running"], 1);
    // It tries again, and the disk is still full.
    agent.event("call-failed");
    disk.empty();
    let _console = desk.console();
    desk.everything_is_there_once(&mut agent);
    agent.stop();
}
