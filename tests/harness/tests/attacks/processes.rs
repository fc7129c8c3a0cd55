//! A process that has the id by now which another one had, and one of the agent's own.

use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bailiwick_core::{
    policy::{Control, Found},
    ports::{
        BoxFuture, ControlAnswer, ControlError, ControlOrder, Controlled, ProcessControl,
        Processes as _,
    },
};
use bailiwick_device::{DeviceProcessControl, DeviceProcesses, SystemClock};
use bailiwick_harness::hostile::Words;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::device::{Device, Scene, ports};

/// A process that is none of the test's children: those are never touched.
struct Orphan(u32);

impl Orphan {
    fn sleeping() -> Self {
        let script = "sleep 600 >/dev/null 2>&1 & echo $!";
        let mut shell = Command::new("sh");
        let told = shell.args(["-c", script]).stdin(Stdio::null()).output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap();
        Self(told.trim().parse().unwrap())
    }

    fn signal(pid: u32, signal: Signal) -> bool {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, signal).is_ok()
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        Self::signal(self.0, Signal::KILL);
    }
}

fn is_gone(pid: u32) -> bool {
    // One that ended has no command, also where nobody asked how it ended.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|command| command.is_empty())
        || fs::metadata(format!("/proc/{pid}")).is_err()
}

/// Ends whoever has the id, if the grants allow what is asked for.
struct ById;

impl ProcessControl for ById {
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        let program = fs::read_link(format!("/proc/{}/exe", order.pid)).unwrap();
        let control = Control {
            verb: order.verb,
            executable: program.display().to_string(),
            found: Found::OfRoot,
        };
        let allowed = order.grants.allows(&control, order.now);
        let result = allowed.map_err(ControlError::Denied).map(|_| {
            assert!(Orphan::signal(order.pid, Signal::KILL));
            while !is_gone(order.pid) {
                std::thread::yield_now();
            }
            Controlled::Killed
        });
        let control = Some(control);
        Box::pin(async { ControlAnswer { control, result } })
    }
}

fn scene(device: Device, pid: u32, started: u64, kept: Box<dyn Send>) -> Scene {
    let mut ports = ports();
    ports.process_control = match device {
        Device::WithoutTheDefence => Arc::new(ById),
        Device::Ours => {
            let clock = Arc::new(SystemClock::new());
            let processes = Arc::new(DeviceProcesses::new(clock.clone()));
            Arc::new(DeviceProcessControl::new(clock, processes))
        }
    };
    Scene {
        words: Words::from([("pid", pid.to_string()), ("started", started.to_string())]),
        instances: vec![ports],
        then: None,
        is_harmed: Some(Box::new(move || is_gone(pid))),
        _kept: kept,
    }
}

pub(crate) fn id_of_another(device: Device, _: &TempDir) -> BoxFuture<'static, Scene> {
    let orphan = Orphan::sleeping();
    let scene = scene(device, orphan.0, 1, Box::new(orphan));
    Box::pin(async { scene })
}

/// A child of this process, which stands for the agent here.
struct OwnChild(Child);

impl Drop for OwnChild {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn of_the_agent(device: Device, _: &TempDir) -> BoxFuture<'static, Scene> {
    Box::pin(async move {
        let child = OwnChild(Command::new("sleep").arg("600").spawn().unwrap());
        let pid = child.0.id();
        let processes = DeviceProcesses::new(Arc::new(SystemClock::new()));
        let table = processes.table(Duration::ZERO).await.unwrap();
        let found = table.processes.iter().find(|process| process.pid == pid);
        let started = found.unwrap().started.as_ms();
        scene(device, pid, started, Box::new(child))
    })
}
