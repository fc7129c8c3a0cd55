//! The agent at work: one loop over refreshes, requests and what plugins tell.

use std::{sync::Arc, time::Duration};

use bailiwick_core::ports::BoxFuture;
use tokio::{
    signal,
    sync::{Notify, mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    actor::CallEnded,
    answer::Known,
    configuration::{Configuration, Then},
    coordinator::{Coordinator, Followed},
    host::Host,
    metrics, owner, sessions,
    start::Parts,
    upload, wall_clock,
};
use crate::{
    actions, decisions,
    events::Event,
    processes::ProcessesReport,
    random,
    settings::Sources,
    socket::{ControlSocket, Handler, Peer, Request, Response},
};

/// Requests that may wait for the loop.
const REQUESTS: usize = 16;
/// A changed file is read once it was left alone for this long: editors write it in steps.
const QUIET: Duration = Duration::from_millis(100);
/// A file that is never left alone is read all the same.
const LONGEST_QUIET: Duration = Duration::from_secs(2);

/// How long plugins may take to end with the agent. One that is being called ends after its call,
/// which can take longer: whatever stops services kills after ten seconds or more.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A refresh that somebody waits for.
type Asked = oneshot::Sender<Result<(), String>>;

/// Answers requests of the socket. Only what changes what runs goes through the loop, which
/// a refresh of the repository can hold up for minutes.
struct Answering {
    refreshes: mpsc::Sender<Asked>,
    known: Arc<Known>,
    host: Arc<Host>,
}

impl Handler for Answering {
    fn answer(&self, peer: Peer, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            if request == (Request::Sessions {}) {
                return self.known.sessions(peer).await;
            }
            if let Peer::User(uid) = peer {
                return match request {
                    Request::Log(query) => self.known.log_of(uid, query, &self.host).await,
                    _ => Response::Refused {
                        reason: "only root and the agent's own user may ask this: ask as one of \
                                 them. `bailiwick sessions` and `bailiwick log` show everybody \
                                 what concerns them"
                            .to_owned(),
                    },
                };
            }
            if request == (Request::UpdateRefresh {})
                && let Err(reason) = self.refresh().await
            {
                return Response::Refused { reason };
            }
            self.known.answer(request, &self.host).await
        })
    }
}

impl Answering {
    async fn refresh(&self) -> Result<(), String> {
        let stopping = || Err("the agent is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        if self.refreshes.send(reply).await.is_err() {
            return stopping();
        }
        answer.await.unwrap_or_else(|_| stopping())
    }
}

/// `socket` is where the agent listens, if that was settled before.
pub(crate) async fn serve(
    sources: Sources,
    parts: Parts,
    socket: Option<ControlSocket>,
) -> anyhow::Result<()> {
    let Parts {
        host,
        coordinator,
        mut calls,
        destination,
        settings,
        signed,
        set_aside,
    } = parts;
    let socket = match socket {
        Some(socket) => socket,
        None => ControlSocket::bind(&settings.socket)?,
    };
    let (requests, mut asked) = mpsc::channel(REQUESTS);
    let (watching, sessions) = sessions::start(Arc::clone(&host)).await?;
    let deciding = {
        let (host, sessions) = (Arc::clone(&host), sessions.clone());
        tokio::spawn(async move {
            tokio::join!(decisions::keep(&host, &sessions), decisions::observe(&host));
        })
    };
    let known = Arc::new(Known::new(
        &settings,
        host.clock.now(),
        set_aside,
        sessions.clone(),
        coordinator.shown(),
    ));
    let answering = Answering {
        refreshes: requests,
        known: Arc::clone(&known),
        host: Arc::clone(&host),
    };
    let listening = {
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            if let Err(error) = socket.serve(Arc::new(answering)).await {
                host.output.warn(&format!("no command is heard: {error}"));
            }
        })
    };
    let pausing = {
        let host = Arc::clone(&host);
        tokio::spawn(async move { owner::end_in_time(&host).await })
    };
    let looking = {
        let host = Arc::clone(&host);
        tokio::spawn(async move { wall_clock::watch(&host).await })
    };
    let (need_full, mut full) = mpsc::channel(REQUESTS);
    let (destinations, destination) = watch::channel(destination);
    let sending = tokio::spawn(upload::run(Arc::clone(&host), destination, need_full));
    let metering = tokio::spawn(metrics::run(Arc::clone(&host), coordinator.shown()));
    let taking = {
        let (host, shown) = (Arc::clone(&host), coordinator.shown());
        let destinations = destinations.subscribe();
        async move {
            if let Err(error) = actions::run(Arc::clone(&host), shown, destinations).await {
                host.output
                    .warn(&format!("no actions are taken: {error:#}"));
            }
        }
    };
    let changed = Arc::new(Notify::new());
    let mut service = Service {
        known,
        configuration: Configuration::new(
            Arc::clone(&host),
            sources,
            (settings, signed),
            destinations,
            Arc::clone(&changed),
        ),
        coordinator,
        refresh_at: Instant::now(),
        changed_at: None,
        read_at: None,
        host,
    };
    service.begin().await;
    // Not before: what waited for this device would be refused for a plugin that it has.
    let doing = tokio::spawn(taking);
    let mut stop = std::pin::pin!(stopped());
    loop {
        let read_at = service.read_at;
        tokio::select! {
            biased;
            result = &mut stop => { result?; break }
            Some(plugin) = full.recv() => service.coordinator.ask_full(&plugin).await,
            Some(call) = calls.recv() => service.call_ended(call).await,
            Some(reply) = asked.recv() => {
                let refreshed = service.refresh().await.map_err(|error| format!("{error:#}"));
                // Whoever asked may be gone.
                drop(reply.send(refreshed));
            }
            () = service.host.hints.notified() => service.refresh_at = Instant::now(),
            () = changed.notified() => service.files_changed(Instant::now()),
            () = until(read_at), if read_at.is_some() => {
                (service.read_at, service.changed_at) = (None, None);
                let then = service.configuration.read(&mut service.coordinator).await;
                service.then(then).await?;
            }
            () = tokio::time::sleep_until(service.refresh_at) => service.refresh_in_turn().await?,
        }
    }
    for task in [
        listening, watching, pausing, looking, metering, sending, doing,
    ] {
        // Once it has ended it holds no plugin any more.
        task.abort();
        drop(task.await);
    }
    let host = Arc::clone(&service.host);
    drop(service);
    last_words(calls).await;
    deciding.abort();
    decisions::close(&host, &sessions).await;
    Ok(())
}

/// Waits until every plugin has ended, told what it used and put away what it had, which each
/// does once nobody can give it orders.
async fn last_words(mut calls: mpsc::UnboundedReceiver<CallEnded>) {
    let all = async { while calls.recv().await.is_some() {} };
    // Or not: whoever still asks the agent something holds them.
    drop(tokio::time::timeout(LAST_WORDS, all).await);
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

/// What the loop works on.
struct Service {
    host: Arc<Host>,
    coordinator: Coordinator,
    known: Arc<Known>,
    configuration: Configuration,
    refresh_at: Instant,
    /// When a file of the settings changed first since they were read.
    changed_at: Option<Instant>,
    /// When they are read anew because of it.
    read_at: Option<Instant>,
}

impl Service {
    /// Starts what is on disk.
    async fn begin(&mut self) {
        let offline = match self.coordinator.start_offline().await {
            Ok(started) => started,
            Err(error) => {
                self.host
                    .tell(Event::Quarantined {
                        what: format!("what was delivered: {error:#}"),
                    })
                    .await;
                0
            }
        };
        self.host
            .tell(Event::Started {
                device: self.host.device.to_string(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                offline,
                processes: ProcessesReport::new(self.host.processes.source()),
            })
            .await;
        let lines = self.host.second_line.open();
        if !lines.is_empty() {
            self.host.tell(Event::NotConfined { lines }).await;
        }
    }

    fn files_changed(&mut self, now: Instant) {
        let first = *self.changed_at.get_or_insert(now);
        self.read_at = Some((now + QUIET).min(first + LONGEST_QUIET));
    }

    async fn call_ended(&mut self, call: CallEnded) {
        if let Err(error) = self.coordinator.call_ended(call).await {
            self.host
                .output
                .warn(&format!("the record of what runs is behind: {error:#}"));
        }
    }

    async fn refresh_in_turn(&mut self) -> anyhow::Result<()> {
        self.refresh().await?;
        self.reschedule()
    }

    /// Reads the repository, and takes the settings that it signs.
    async fn refresh(&mut self) -> anyhow::Result<()> {
        let result = refresh(&self.host, &mut self.coordinator).await;
        self.known.refreshed(&result, self.host.clock.now());
        if let Ok(followed) = result {
            let then = self
                .configuration
                .signed(&followed.settings, &mut self.coordinator)
                .await;
            self.then(then).await?;
        }
        Ok(())
    }

    async fn then(&mut self, then: Then) -> anyhow::Result<()> {
        let Configuration { used, waiting, .. } = &self.configuration;
        self.known.settings(used, waiting);
        match then {
            Then::Nothing => Ok(()),
            Then::Refresh => {
                self.refresh_at = Instant::now();
                Ok(())
            }
            Then::Reschedule => self.reschedule(),
        }
    }

    fn reschedule(&mut self) -> anyhow::Result<()> {
        let pause = with_jitter(self.configuration.used.refresh_every.get())?;
        self.known.next_refresh(self.host.clock.now().after(pause));
        self.refresh_at = Instant::now() + pause;
        Ok(())
    }
}

async fn refresh(host: &Host, coordinator: &mut Coordinator) -> Result<Followed, String> {
    match coordinator.refresh().await {
        Ok(followed) => Ok(followed),
        Err(error) => {
            let reason = format!("{error:#}");
            host.tell(Event::RefreshFailed {
                reason: reason.clone(),
            })
            .await;
            Err(reason)
        }
    }
}

/// 90 to 110 % of `pause`, so that a fleet does not ask in step.
fn with_jitter(pause: Duration) -> anyhow::Result<Duration> {
    let share = random::number()? % 2_001;
    Ok(pause.mul_f64(0.9 + 0.0001 * share as f64))
}

async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
