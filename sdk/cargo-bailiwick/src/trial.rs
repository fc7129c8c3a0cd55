//! Running a built plugin as a device would: in the real sandbox, under its policy, on
//! this machine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    policy::Policy,
    ports::{BoxFuture, Clock, Compile, Log, LogLevel, State, StateError},
    release::World,
};
use bailiwick_device::{DeviceFiles, DeviceLinks, DeviceProcesses, DeviceSystem, SystemClock};
use bailiwick_report::rows::Snapshot;
use bailiwick_sandbox::{
    Component, Instance, Ports, Usage,
    artifact::Artifacts,
    compile::{Child, ChildLimits},
    engine::engine,
};

use crate::{Error, Plugin};

/// What a trial needs.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The policy's file.
    pub policy: PathBuf,
    /// The program `bailiwick-compile`.
    pub compiler: PathBuf,
}

/// What a plugin told in a trial.
#[derive(Debug)]
pub enum Told {
    /// The rows of one collect, checked against the schema.
    Rows(Snapshot),
    /// The JSON Schema of the arguments that a handler takes. It is asked to do nothing: a
    /// trial leaves nothing behind.
    Arguments(String),
}

impl Told {
    /// The rows; none if it gives none.
    pub const fn rows(&self) -> Option<&Snapshot> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::Arguments(_) => None,
        }
    }
}

/// What a trial brought.
#[derive(Debug)]
pub struct Tried {
    /// What it gave, or takes.
    pub told: Told,
    /// Length of it.
    pub output: ByteCount,
    /// Length of what `save` returned; `load` took it.
    pub saved: ByteCount,
    /// What it used, of all calls.
    pub usage: Usage,
    /// The policy that it ran under.
    pub policy: Policy,
    /// What it logged.
    pub log: Vec<(LogLevel, String)>,
}

impl Trial {
    /// Calls `schema` and `collect`, or `arguments-schema`, and `save` of the component at
    /// `path`, and `load` of a second instance of it.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Trial`], which names the step.
    pub async fn run(&self, plugin: &Plugin, path: &Path) -> Result<Tried, Error> {
        let failed = |doing, reason: String| Error::Trial {
            package: plugin.package.clone(),
            doing,
            reason,
        };
        let policy = self.policy()?;
        let bytes = read(path)?;
        let engine = engine().map_err(|error| failed("started", error.to_string()))?;
        let folder = plugin.target_directory.join("bailiwick/artifacts");
        let artifacts = Artifacts::open(&folder, &engine)
            .map_err(|error| failed("compiled", error.to_string()))?;
        let compiler = Child::new(&self.compiler, ChildLimits::default());
        let artifact = artifacts
            .load_or_compile(&bytes, &compiler as &dyn Compile)
            .await
            .map_err(|error| failed("compiled", error.to_string()))?;
        let component = Component::from_artifact(&engine, &artifact)
            .map_err(|error| failed("loaded", error.to_string()))?;

        let log = Arc::new(Lines::default());
        let clock = Arc::new(SystemClock::new());
        let ports = ports(Arc::clone(&log), Arc::clone(&clock));
        let name = &plugin.manifest.name;
        let start = || Instance::start(&component, &policy, name, ports.clone(), clock.now());
        let mut instance = start()
            .await
            .map_err(|error| failed("started", error.to_string()))?;
        let called =
            |call| move |error: bailiwick_sandbox::CallError| failed(call, error.to_string());
        let world = instance.world();
        world
            .check_schedule(&policy)
            .map_err(|error| failed("scheduled", error.to_string()))?;
        let (told, length) = if world == World::ActionHandler {
            let schema = instance.arguments_schema().await;
            let schema = schema.map_err(called("asked what it takes"))?;
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&schema)
                .map_err(|error| failed("understood", error.to_string()))?;
            let length = schema.len();
            (Told::Arguments(schema), length)
        } else {
            let schema = instance.schema().await;
            let schema = schema.map_err(called("asked for its schema"))?;
            let buffer = instance.collect().await;
            let buffer = buffer.map_err(called("asked to collect"))?;
            let rows = Snapshot::decode(Arc::new(schema), &buffer)
                .map_err(|error| failed("understood", error.to_string()))?;
            (Told::Rows(rows), buffer.len())
        };
        let output = ByteCount::new(length as u64);
        let saved = instance.save().await.map_err(called("asked to save"))?;
        let mut next = start()
            .await
            .map_err(|error| failed("started anew", error.to_string()))?;
        next.load(&plugin.manifest.version.to_string(), &saved)
            .await
            .map_err(called("asked to load what it saved"))?;
        Ok(Tried {
            told,
            output,
            saved: ByteCount::new(saved.len() as u64),
            usage: instance.usage(),
            policy,
            log: log.take(),
        })
    }

    fn policy(&self) -> Result<Policy, Error> {
        let text = fs::read_to_string(&self.policy).map_err(|cause| Error::File {
            path: self.policy.clone(),
            cause,
        })?;
        Policy::parse(&self.policy.display().to_string(), &text)
            .map_err(|error| Error::Policy(error.to_string()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|cause| Error::File {
        path: path.to_owned(),
        cause,
    })
}

/// The ports of this machine, but for the log and the state: a trial leaves nothing
/// behind.
fn ports(log: Arc<Lines>, clock: Arc<SystemClock>) -> Ports {
    Ports {
        log,
        state: Arc::new(Memory::default()),
        ..Ports::reading(
            clock.clone(),
            Arc::new(DeviceFiles::new()),
            Arc::new(DeviceSystem),
            Arc::new(DeviceLinks),
            Arc::new(DeviceProcesses::new(clock)),
        )
    }
}

/// Keeps the lines for the trial's report.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<(LogLevel, String)>>);

impl Lines {
    fn take(&self) -> Vec<(LogLevel, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log for Lines {
    fn write(&self, _plugin: &PluginName, level: LogLevel, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((level, line.to_owned()));
    }
}

/// A store that begins empty and ends with the trial.
#[derive(Debug, Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl State for Memory {
    fn load<'a>(
        &'a self,
        _plugin: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Box::pin(async { Ok(kept) })
    }

    fn commit<'a>(
        &'a self,
        _plugin: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => kept.insert(key, value),
                None => kept.remove(&key),
            };
        }
        Box::pin(async { Ok(()) })
    }
}

impl Tried {
    /// What was used of each limit, a line each.
    pub fn limits(&self) -> Vec<String> {
        let (used, limits) = (&self.usage, &self.policy.limits);
        let time = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let elapsed = used.guest_time + used.host_time;
        vec![
            format!(
                "memory      {} of {}",
                used.memory_high_water, limits.memory
            ),
            format!(
                "time        {} in all, {} allowed per call",
                time(elapsed),
                time(limits.deadline.get())
            ),
            format!(
                "processor   {} of {} per window",
                time(used.cpu),
                time(Duration::from_nanos(limits.cpu.budget_ns()))
            ),
            format!("output      {} of {}", self.output, limits.output),
            format!("host calls  {} of {}", used.host_calls, limits.host_calls),
            format!("log lines   {} of {}", used.log_lines, limits.log_lines),
            format!("saved       {} of {}", self.saved, limits.state),
            format!("denied      {} host calls", used.denials),
        ]
    }
}
