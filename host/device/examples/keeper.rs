//! A program that keeps runs, for the tests of `exec`. With `agent`, one that asks for runs
//! as it is told on standard input, to be killed; the policies that its privileged process
//! believes are in the folder that is named after that.

use std::{ffi::OsString, fs, path::PathBuf};

use bailiwick_core::{
    action::{Envelope, Request},
    digest::Sha256,
    ids::DeviceId,
    policy::Policy,
    time::Timestamp,
};
use bailiwick_device::{SignedActions, SignedPolicies};

#[cfg(target_os = "linux")]
#[path = "../tests/exec/granting.rs"]
mod granting;

#[cfg(target_os = "linux")]
mod agent {
    use std::{collections::BTreeMap, io, path::Path, sync::Arc, time::Duration};

    use bailiwick_core::{
        bytes::ByteCount,
        policy::{Program, RunAs},
        ports::{Exec as _, ExecOrder, Expectation},
    };
    use bailiwick_device::{DeviceExec, Privileged};

    use crate::granting::grant;

    /// Until standard input ends: `expect` and `forget` runs; `run SCRIPT`, and then the
    /// number of times that it is run at once. Each is answered by a line.
    pub(super) async fn obey(signed: &Path) {
        let (own, nothing) = (Path::new("/proc/self/exe"), Path::new("/nowhere"));
        let Ok(privileged) = Privileged::start(own, nothing, &[signed.as_os_str()]) else {
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
                    runs(&exec, &order(script, signed), times.parse().unwrap_or(1)).await
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
    async fn runs(exec: &DeviceExec, order: &ExecOrder, times: usize) -> String {
        let running: Vec<_> = (0..times)
            .map(|_| {
                let (exec, order) = (exec.clone(), order.clone());
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

    fn order(script: &str, signed: &Path) -> ExecOrder {
        let mut order = ExecOrder {
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
            policy: None,
        };
        order.policy = grant(&order, signed).ok();
        order
    }
}

/// The policies in a folder, and actions whose ids are names of files there: whoever may write
/// there has signed them.
struct Kept {
    folder: PathBuf,
    last: Option<Policy>,
}

impl Kept {
    fn from_arguments(trust: &[OsString]) -> Option<Box<dyn SignedActions>> {
        let folder = trust.first()?.into();
        Some(Box::new(Self { folder, last: None }))
    }
}

impl SignedPolicies for Kept {
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String> {
        let text = fs::read_to_string(self.folder.join(digest.to_string()));
        let text = text.map_err(|error| format!("nobody signed it: {error}"))?;
        let policy = Policy::parse("policy", &text).map_err(|error| error.to_string())?;
        Ok(self.last.insert(policy))
    }

    fn look_again(&mut self) {}
}

impl SignedActions for Kept {
    fn action(
        &mut self,
        envelope: &Envelope,
        _: &DeviceId,
        _: Timestamp,
    ) -> Result<Request, String> {
        let document = envelope.document();
        // It begins once.
        fs::remove_file(self.folder.join(document.id.to_string()))
            .map_err(|error| format!("nobody asked for it: {error}"))?;
        Ok(Request {
            id: document.id,
            handler: document.handler.clone(),
            arguments: String::new(),
            expires: document.expires,
        })
    }
}

fn main() -> std::process::ExitCode {
    if let Some(code) = bailiwick_device::serve_child(Kept::from_arguments) {
        return code;
    }
    #[cfg(target_os = "linux")]
    if let [_, word, signed] = std::env::args_os().collect::<Vec<_>>().as_slice()
        && word == "agent"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            runtime.block_on(agent::obey(std::path::Path::new(signed)));
        }
    }
    std::process::ExitCode::FAILURE
}
