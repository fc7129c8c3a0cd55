//! The instance of a session-collector for one session: sampled at its ticks, given a fresh
//! instance when it fails, ended with its session.

use std::sync::Arc;

use bailiwick_core::{
    sampling::{Cadence, Fast},
    session::SessionId,
    supervision::{Rules, Supervision, Transition},
    time::Monotonic,
};
use bailiwick_report::{render, rows::Snapshot, schema::Schema};
use bailiwick_sandbox::{CallError, Instance};
use bailiwick_store::SessionState;
use tokio::sync::{mpsc, oneshot};

use super::{Told, recording::Recording};
use crate::{
    events::Event,
    figures::Figures,
    run::{
        actor::{CallEnded, Failure},
        host::Host,
        launch::{self, Launch, LaunchError},
    },
};

/// What an instance is told.
pub(super) enum Word {
    /// Start this generation beside the running one, and hand over to it.
    Prepare(Arc<Launch>, oneshot::Sender<Result<(), String>>),
    /// What was prepared takes over.
    Commit,
    /// What was prepared ends.
    Abort,
    /// Go on with this generation, afresh.
    Restart(Arc<Launch>),
    /// Another rate for a while.
    Rate(Fast),
    /// A sample now, and perhaps its rows.
    Sample(Option<oneshot::Sender<Result<serde_json::Value, String>>>),
    /// No call before then.
    Wait(Monotonic),
    /// The session has closed: a last sample, the file, and nothing is left.
    Close,
}

/// What all instances of a plugin share.
pub(super) struct Shared {
    pub(super) host: Arc<Host>,
    pub(super) launch: Arc<Launch>,
    pub(super) origin: Monotonic,
    pub(super) ended: mpsc::UnboundedSender<CallEnded>,
    pub(super) tell: mpsc::UnboundedSender<Told>,
}

/// An instance that has told what its rows look like.
type Started = (Box<Instance>, Arc<Schema>);

pub(super) struct One {
    shared: Shared,
    session: SessionId,
    cadence: Cadence,
    supervision: Supervision,
    running: Option<Started>,
    /// What an instance saved that is not kept between two samples. Empty if it is, or saved
    /// nothing.
    saved: Vec<u8>,
    /// What the group was told that the running instance has used.
    told: Figures,
    prepared: Option<(Arc<Launch>, Started)>,
    recording: Recording,
    /// No call before then.
    wait: Option<Monotonic>,
    /// When the next sample is due; the first is due at once.
    due: Monotonic,
}

impl One {
    pub(super) fn new(
        shared: Shared,
        session: SessionId,
        wait: Option<Monotonic>,
        fast: Option<Fast>,
    ) -> Self {
        let policy = &shared.launch.policy;
        let now = shared.host.clock.monotonic();
        let interval = policy.schedule.unwrap_or(launch::NO_SCHEDULE);
        let mut cadence = Cadence::new(interval, shared.origin, &session);
        if let Some(fast) = fast {
            cadence.hasten(fast);
        }
        Self {
            cadence,
            recording: Recording::new(policy.plugin.clone(), session.clone()),
            supervision: Supervision::new(Rules::default()),
            running: None,
            saved: Vec::new(),
            told: Figures::default(),
            prepared: None,
            wait,
            due: now,
            session,
            shared,
        }
    }

    /// Runs until its session closes, or nobody has a word for it: then its file is put away
    /// and its state stays.
    pub(super) async fn run(mut self, mut words: mpsc::Receiver<Word>) {
        loop {
            let host = Arc::clone(&self.shared.host);
            let now = host.clock.monotonic();
            let paused = host.pause.now().is_some();
            let due = self.next_call(now);
            if due <= now && !paused {
                self.call(now).await;
                continue;
            }
            tokio::select! {
                biased;
                word = words.recv() => match word {
                    Some(Word::Close) => return self.close().await,
                    Some(word) => self.heed(word).await,
                    None => {
                        self.put_away().await;
                        return;
                    }
                },
                // Due times that passed meanwhile were not missed.
                () = host.pause.while_paused(), if paused => {
                    self.due = self.cadence.next(host.clock.monotonic());
                }
                () = tokio::time::sleep(due.since(now)), if !paused => {}
            }
        }
    }

    /// When to call next: as due, but not while it is suspended or all of them are.
    fn next_call(&mut self, now: Monotonic) -> Monotonic {
        if let Some(at) = self.supervision.wake_at() {
            if at > now {
                return at;
            }
            self.supervision.poll(now);
        }
        match self.wait.filter(|until| *until > now) {
            Some(until) => until,
            None => {
                self.wait = None;
                self.due
            }
        }
    }

    async fn call(&mut self, now: Monotonic) {
        let late = now.since(self.due);
        let result = self.sample().await;
        let host = Arc::clone(&self.shared.host);
        host.look_at_budget().await;
        if host.budget.is_short_of_memory() {
            self.rest().await;
        }
        self.cadence.stretch(host.budget.stretch());
        self.due = self.cadence.next(host.clock.monotonic());
        let reason = result.as_ref().err().map(|failure| failure.reason.clone());
        self.judge(result).await;
        let told = Told::Called(late, reason.unwrap_or_default());
        // The group ends after its instances.
        drop(self.shared.tell.send(told));
    }

    async fn heed(&mut self, word: Word) {
        match word {
            Word::Prepare(launch, reply) => {
                let prepared = self.prepare(&launch).await;
                let answer = match prepared {
                    Ok(started) => {
                        self.prepared = Some((launch, started));
                        Ok(())
                    }
                    Err(reason) => Err(reason),
                };
                drop(reply.send(answer));
            }
            Word::Commit => {
                if let Some((launch, started)) = self.prepared.take() {
                    self.take(launch, Some(started));
                }
            }
            Word::Abort => self.prepared = None,
            Word::Restart(launch) => self.take(launch, None),
            Word::Rate(fast) => {
                self.cadence.hasten(fast);
                self.due = self.cadence.next(self.shared.host.clock.monotonic());
            }
            Word::Sample(reply) => {
                let result = if self.shared.host.pause.now().is_some() {
                    let reason = "the agent is paused: `bailiwick resume` ends that".to_owned();
                    let struck = false;
                    Err(Failure { reason, struck })
                } else {
                    self.sample().await
                };
                let answer = match &result {
                    Ok(()) => self.last_rows(),
                    Err(failure) => Err(failure.reason.clone()),
                };
                self.judge(result).await;
                if let Some(reply) = reply {
                    drop(reply.send(answer));
                }
            }
            Word::Wait(until) => self.wait = Some(until),
            // Taken by `run`.
            Word::Close => {}
        }
    }

    /// Tells the group what the running instance has used since it was last told.
    fn tell_more_used(&mut self) {
        let Some((instance, _)) = &self.running else {
            return;
        };
        let figures = Figures::from(&instance.usage());
        let used = figures.since(self.told);
        self.told = figures;
        self.tell_used(used);
    }

    fn tell_used(&self, used: Figures) {
        let generation = self.shared.launch.generation.id;
        // The group ends after its instances.
        drop(self.shared.tell.send(Told::Used(generation, used)));
    }

    fn last_rows(&self) -> Result<serde_json::Value, String> {
        let last = self.recording.last().ok_or("nothing was read yet")?;
        let json = render::json(last).map_err(|error| error.to_string())?;
        serde_json::from_str(&json).map_err(|error| error.to_string())
    }

    /// One sample, in the file.
    async fn sample(&mut self) -> Result<(), Failure> {
        let (mut instance, schema) = match self.running.take() {
            Some((instance, schema)) if instance.is_alive() => (instance, schema),
            _ => {
                self.told = Figures::default();
                let launch = Arc::clone(&self.shared.launch);
                let started = start(&self.shared.host, &self.session, &launch).await;
                let (mut instance, schema) =
                    started.inspect_err(|error| self.tell_used(error.used()))?;
                let saved = std::mem::take(&mut self.saved);
                if !saved.is_empty() {
                    let version = launch.release.version.to_string();
                    if let Err(error) = instance.load(&version, &saved).await {
                        self.tell_used(Figures::from(&instance.usage()));
                        return Err(error.into());
                    }
                }
                (instance, schema)
            }
        };
        let rows = instance.collect().await;
        self.running = Some((instance, Arc::clone(&schema)));
        self.tell_more_used();
        let rows = rows?;
        let host = &self.shared.host;
        let launch = &self.shared.launch;
        let snapshot = Snapshot::decode(schema, &rows).map_err(|error| Failure {
            reason: format!("its rows were refused: {error}"),
            struck: true,
        })?;
        let version = launch.release.version.to_string();
        let file_every = launch.policy.sampling.file_every.get();
        let kept = self.recording.add(host, &version, file_every, snapshot);
        kept.await.map_err(|error| Failure {
            reason: format!("the file could not be kept: {error}"),
            struck: false,
        })
    }

    /// Ends the instance and keeps what it saves. One that can't save stays.
    async fn rest(&mut self) {
        if let Some((instance, _)) = &mut self.running
            && instance.is_alive()
            && let Ok(saved) = instance.save().await
        {
            self.tell_more_used();
            self.saved = saved;
            self.running = None;
        }
    }

    async fn judge(&mut self, result: Result<(), Failure>) {
        let host = &self.shared.host;
        let now = host.clock.monotonic();
        let plugin = self.shared.launch.policy.plugin.clone();
        let mut struck = None;
        match result {
            Ok(()) => {
                if self.supervision.succeeded(now).is_some() {
                    let recovered = Told::Recovered(self.session.clone());
                    drop(self.shared.tell.send(recovered));
                }
            }
            Err(failure) => {
                let reason = format!("session {}: {}", self.session, failure.reason);
                if failure.struck {
                    let transition = self.supervision.failed(now);
                    if let Transition::Suspended { .. } = transition {
                        let suspended = Told::Suspended(self.session.clone());
                        drop(self.shared.tell.send(suspended));
                    }
                    struck = Some(reason.clone());
                }
                let again = self.supervision.wake_at().unwrap_or(self.due).max(self.due);
                host.tell(Event::CallFailed {
                    plugin: plugin.clone(),
                    reason,
                    again_in_ms: u64::try_from(again.since(now).as_millis()).unwrap_or(u64::MAX),
                })
                .await;
            }
        }
        // The coordinator ends after its plugins.
        drop(self.shared.ended.send(CallEnded {
            plugin,
            generation: self.shared.launch.generation.id,
            failure: struck,
        }));
    }

    /// Starts `launch` beside what runs, with what that hands over.
    async fn prepare(&mut self, launch: &Arc<Launch>) -> Result<Started, String> {
        let state = match &mut self.running {
            Some((instance, _)) if instance.is_alive() => instance.save().await,
            _ => Ok(self.saved.clone()),
        };
        self.tell_more_used();
        let from = self.shared.launch.release.version.to_string();
        let state = state.map_err(|error| format!("{from} could not save: {error}"))?;
        let started = start(&self.shared.host, &self.session, launch).await;
        let (mut instance, schema) = started.map_err(|error| error.to_string())?;
        if !state.is_empty() {
            let loaded = instance.load(&from, &state).await;
            loaded.map_err(|error| error.to_string())?;
        }
        Ok((instance, schema))
    }

    fn take(&mut self, launch: Arc<Launch>, started: Option<Started>) {
        self.cadence
            .change(launch.policy.schedule.unwrap_or(launch::NO_SCHEDULE));
        self.shared.launch = launch;
        self.running = started;
        self.saved.clear();
        self.told = Figures::default();
        self.prepared = None;
        self.supervision = Supervision::new(Rules::default());
        self.wait = None;
        self.due = self
            .due
            .min(self.cadence.next(self.shared.host.clock.monotonic()));
    }

    /// A last sample, unless it is suspended or the owner paused the agent.
    async fn close(mut self) {
        let host = Arc::clone(&self.shared.host);
        let now = host.clock.monotonic();
        let waits = self.wait.is_some_and(|until| until > now);
        if self.supervision.may_call() && !waits && host.pause.now().is_none() {
            let result = self.sample().await;
            self.judge(result).await;
        }
        self.put_away().await;
        let plugin = &self.shared.launch.policy.plugin;
        if let Err(error) = host.store.forget_session(plugin, &self.session).await {
            let what = format!("session {}: its state could not be deleted", self.session);
            host.tell(Event::CallFailed {
                plugin: plugin.clone(),
                reason: format!("{what}: {error}"),
                again_in_ms: 0,
            })
            .await;
        }
    }

    async fn put_away(&mut self) {
        let host = Arc::clone(&self.shared.host);
        if let Err(error) = self.recording.put_away(&host).await {
            host.tell(Event::CallFailed {
                plugin: self.shared.launch.policy.plugin.clone(),
                reason: format!("session {}: its file is lost: {error}", self.session),
                again_in_ms: 0,
            })
            .await;
        }
    }
}

/// A fresh instance of `launch`, that sees this session and keeps its state apart.
async fn start(host: &Host, session: &SessionId, launch: &Launch) -> Result<Started, LaunchError> {
    let mut ports = host.ports.clone();
    ports.session = Some(session.clone());
    ports.state = Arc::new(SessionState::new(&host.store, session.clone()));
    let (instance, told) = launch.instance_with(host, ports).await?;
    match told {
        launch::Told::Rows(schema) => Ok((Box::new(instance), schema)),
        launch::Told::Arguments(_) => {
            let world = instance.world();
            Err(LaunchError::Call(CallError::OtherWorld(world)))
        }
    }
}
