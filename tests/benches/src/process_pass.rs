//! One pass over the processes, of which there are some three hundred: over /proc, and in turns
//! with that by the kernel's iterator, where it may be attached.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bailiwick_core::ports::Processes as _;
use bailiwick_device::{DeviceProcesses, TaskIterator};

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
    let reader = || DeviceProcesses::new(Arc::clone(&setting.clock));
    let mut ways = vec![("process-pass", reader(), Vec::new())];
    match TaskIterator::attach() {
        Ok(tasks) => {
            let iterated = reader().listed_by(Ok(tasks));
            ways.push(("process-pass-iterated-ms", iterated, Vec::new()));
        }
        Err(reason) => eprintln!("  no iterator over tasks: {reason}"),
    }
    let there = ways[0].1.table(Duration::ZERO).await?.processes.len();
    let mut sleepers = Sleepers(Vec::new());
    for _ in there..PROCESSES {
        let mut command = Command::new("sleep");
        let command = command.arg("3600").stdin(Stdio::null());
        sleepers.0.push(command.spawn()?);
    }
    // Young processes are described in each pass: that is not what goes on all day.
    tokio::time::sleep(Duration::from_secs(31)).await;
    for (_, processes, _) in &ways {
        processes.table(Duration::ZERO).await?;
    }
    for _ in 0..setting.rounds(20) {
        for (_, processes, costs) in &mut ways {
            let began = process_cpu();
            let table = processes.table(Duration::ZERO).await?;
            costs.push(ms(process_cpu() - began));
            let left = table.processes.len();
            anyhow::ensure!(left >= PROCESSES * 9 / 10, "only {left} processes are left");
        }
        // Others' processes move on: that is what a pass reads.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let figures = ways.into_iter();
    Ok(figures
        .map(|(name, _, costs)| (name.to_owned(), median(&costs)))
        .collect())
}
