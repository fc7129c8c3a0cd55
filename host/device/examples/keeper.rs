//! A program that keeps runs, for the tests of `exec`: with `agent SECONDS`, one that runs
//! `sleep` itself, to be killed.

#[cfg(target_os = "linux")]
mod agent {
    use std::{collections::BTreeMap, time::Duration};

    use bailiwick_core::{
        bytes::ByteCount,
        policy::{Program, RunAs},
        ports::{Exec as _, ExecOrder},
    };
    use bailiwick_device::DeviceExec;

    /// Runs `sleep` as root, and within it what survives a death of its parent.
    pub(super) fn run(seconds: &str) {
        let exec = DeviceExec::new("/proc/self/exe".into());
        let order = ExecOrder {
            program: Program {
                path: "/usr/bin/dash".to_owned(),
                sha256: None,
                arguments: Vec::new(),
                run_as: RunAs::Root,
                environment: BTreeMap::new(),
                directory: "/".to_owned(),
                time_limit: Duration::from_secs(600),
                output_limit: ByteCount::kib(1),
            },
            arguments: [
                "-c".to_owned(),
                format!("setsid sleep {seconds} & sleep {seconds}"),
            ]
            .into(),
            environment: Vec::new(),
            input: Vec::new(),
            time_limit: Duration::from_secs(600),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let ran = runtime.map(|runtime| runtime.block_on(exec.run(order)));
        eprintln!("{ran:?}");
    }
}

fn main() -> std::process::ExitCode {
    if let Some(code) = bailiwick_device::serve_exec() {
        return code;
    }
    #[cfg(target_os = "linux")]
    if let [_, mode, seconds] = std::env::args().collect::<Vec<_>>().as_slice()
        && mode == "agent"
    {
        agent::run(seconds);
    }
    std::process::ExitCode::FAILURE
}
