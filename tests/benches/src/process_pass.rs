//! One pass over the processes, of which there are some three hundred.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bailiwick_core::ports::Processes as _;
use bailiwick_device::DeviceProcesses;

use crate::{
    measure::{Figures, median, ms, process_cpu},
    setting::Setting,
};

/// Processes that are started if there are fewer.
const PROCESSES: usize = 300;

/// They end with the benchmark.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let processes = DeviceProcesses::new(Arc::clone(&setting.clock));
    let there = processes.table(Duration::ZERO).await?.processes.len();
    let mut sleepers = Sleepers(Vec::new());
    for _ in there..PROCESSES {
        let mut command = Command::new("sleep");
        let command = command.arg("3600").stdin(Stdio::null());
        sleepers.0.push(command.spawn()?);
    }
    // Young processes are described in each pass: that is not what goes on all day.
    tokio::time::sleep(Duration::from_secs(31)).await;
    processes.table(Duration::ZERO).await?;
    let mut costs = Vec::new();
    for _ in 0..setting.rounds(20) {
        let began = process_cpu();
        let table = processes.table(Duration::ZERO).await?;
        costs.push(ms(process_cpu() - began));
        let left = table.processes.len();
        anyhow::ensure!(left >= PROCESSES * 9 / 10, "only {left} processes are left");
        // Others' processes move on: that is what a pass reads.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(vec![("process-pass".to_owned(), median(&costs))])
}
