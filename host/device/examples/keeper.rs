//! A program that keeps runs, for the tests of `exec`. With `agent`, one that asks for runs
//! as it is told on standard input, to be killed.

#[cfg(target_os = "linux")]
mod agent {
    use std::{collections::BTreeMap, io, path::Path, sync::Arc, time::Duration};

    use bailiwick_core::{
        bytes::ByteCount,
        policy::{Program, RunAs},
        ports::{Exec as _, ExecOrder, Expectation},
    };
    use bailiwick_device::{DeviceExec, Privileged};

    /// Until standard input ends: `expect` and `forget` runs; `run SCRIPT`, and then the
    /// number of times that it is run at once. Each is answered by a line.
    pub(super) async fn obey() {
        let nothing = Path::new("/nowhere");
        let Ok(privileged) = Privileged::start(Path::new("/proc/self/exe"), nothing) else {
            return;
        };
        let exec = DeviceExec::new(Arc::new(privileged));
        let mut expected: Option<Expectation> = None;
        for line in io::stdin().lines().map_while(Result::ok) {
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match (word, rest.rsplit_once(' ')) {
                ("expect", _) => {
                    expected = Some(exec.expect_runs());
                    String::new()
                }
                ("forget", _) => {
                    expected = None;
                    String::new()
                }
                ("run", Some((script, times))) => {
                    runs(&exec, script, times.parse().unwrap_or(1)).await
                }
                _ => "unknown".to_owned(),
            };
            println!("{answer}");
            // What is done beside this thread's work is done now.
            tokio::task::yield_now().await;
        }
        drop(expected);
    }

    /// What each wrote, or why it did not run.
    async fn runs(exec: &DeviceExec, script: &str, times: usize) -> String {
        let running: Vec<_> = (0..times)
            .map(|_| {
                let (exec, order) = (exec.clone(), order(script));
                tokio::spawn(async move { exec.run(order).await })
            })
            .collect();
        let mut told = Vec::new();
        for run in running {
            told.push(match run.await {
                Ok(Ok(ran)) => String::from_utf8_lossy(&ran.output.0).replace('\n', " "),
                other => format!("{other:?}"),
            });
        }
        told.join("; ")
    }

    fn order(script: &str) -> ExecOrder {
        ExecOrder {
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
            arguments: ["-c".to_owned(), script.to_owned()].into(),
            environment: Vec::new(),
            input: Vec::new(),
            time_limit: Duration::from_secs(600),
            session_user: None,
        }
    }
}

fn main() -> std::process::ExitCode {
    if let Some(code) = bailiwick_device::serve_child() {
        return code;
    }
    #[cfg(target_os = "linux")]
    if std::env::args().nth(1).as_deref() == Some("agent") {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            runtime.block_on(agent::obey());
        }
    }
    std::process::ExitCode::FAILURE
}
