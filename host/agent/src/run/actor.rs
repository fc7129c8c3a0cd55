//! One running plugin: called when due, given a fresh instance when it fails, swapped
//! between two calls.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_core::{
    ids::{GenerationId, PluginName},
    policy::Interval,
    punctuality::Punctuality,
    schedule::{Decision, Schedule, Tick},
    supervision::{Rules, Supervision, Transition},
    time::Monotonic,
};
use bailiwick_sandbox::{CallError, Trap};
use bailiwick_store::Suspension;
use tokio::sync::{mpsc, oneshot};

use super::{
    describe::{Description, Doing},
    expecting::Expecting,
    handle::{HandleOrder, RateOrder},
    host::Host,
    launch::LaunchError,
    live::Live,
    report::{ReportError, Reporter},
    status::Status,
};
use crate::{events::Event, figures::Figures};

/// A plugin that is not called for so long rests meanwhile: to start it again takes less
/// than a millisecond, and its memory is some megabytes.
const REST: Duration = Duration::from_secs(300);

/// An operator who asked once often asks again: so long a handler stays as it is.
const STAY: Duration = Duration::from_secs(30);

/// What can be asked of a running plugin.
pub(crate) enum Order {
    /// Let this generation take over, state and all. The answer comes when it has, or says
    /// why not; then nothing changed.
    Swap(Box<Live>, oneshot::Sender<Result<(), String>>),
    /// Go back to this generation, with the state that it handed over.
    Return(Box<Live>),
    /// Go on with this instance of the same generation, whose policy is another one.
    Renew(Box<Live>),
    /// The next report is a full one, and comes now.
    Full,
    /// How it is.
    Describe(oneshot::Sender<Description>),
    /// Its rows, read now and reported as well.
    Collect(oneshot::Sender<Result<serde_json::Value, String>>),
    /// An operator's action, for the plugin that handles it.
    Handle(Box<HandleOrder>),
    /// Another rate for a while.
    Rate(RateOrder),
}

/// How one call of a generation ended.
pub(crate) struct CallEnded {
    pub(crate) plugin: PluginName,
    pub(crate) generation: GenerationId,
    pub(crate) failure: Option<String>,
}

/// One running plugin. Dropping the sender of its orders ends it, after the call in flight.
pub(crate) struct Actor {
    pub(super) host: Arc<Host>,
    plugin: PluginName,
    pub(super) live: Live,
    /// What the generation before handed over, for going back to it.
    handed_over: Option<(GenerationId, Vec<u8>)>,
    reporter: Reporter,
    /// None for a plugin that is called when somebody asks.
    schedule: Option<Schedule>,
    /// Orders that came while an action was at work.
    pub(super) waiting: VecDeque<Order>,
    pub(super) supervision: Supervision,
    punctuality: Punctuality,
    remark: String,
    status: Status,
    expecting: Expecting,
    /// It does not rest before.
    stays_until: Monotonic,
    ended: mpsc::UnboundedSender<CallEnded>,
}

impl Actor {
    pub(crate) async fn new(
        host: Arc<Host>,
        live: Live,
        ended: mpsc::UnboundedSender<CallEnded>,
    ) -> anyhow::Result<Self> {
        let plugin = live.launch.policy.plugin.clone();
        let reporter = Reporter::open(&host, plugin.clone()).await?;
        let now = host.clock.monotonic();
        let supervision = supervision(&host, &plugin, live.launch.generation.id).await?;
        let status = Status::new(host.clock.now());
        let interval = live.launch.policy.schedule;
        let schedule = interval.map(|interval| Schedule::new(interval, &host.device, &plugin, now));
        Ok(Self {
            host,
            plugin,
            live,
            handed_over: None,
            reporter,
            schedule,
            waiting: VecDeque::new(),
            supervision,
            punctuality: Punctuality::default(),
            remark: String::new(),
            status,
            expecting: Expecting::default(),
            stays_until: Monotonic::ZERO,
            ended,
        })
    }

    /// Runs until nobody gives orders any more.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            if let Some(order) = self.waiting.pop_front() {
                self.obey(order, &mut orders).await;
                continue;
            }
            // Also after a swap, a narrowed policy, or some minutes in which a grant expired.
            self.expecting.follow(&self.host, &self.live.launch);
            if self.host.pause.now().is_some() {
                self.pause(&mut orders).await;
                if orders.is_closed() && orders.is_empty() {
                    return;
                }
                continue;
            }
            let now = self.host.clock.monotonic();
            let wake = match self.supervision.wake_at() {
                Some(at) if at > now => at,
                Some(_) => {
                    self.supervision.poll(now);
                    continue;
                }
                None => match self.decide(now) {
                    Decision::Call(tick) => {
                        self.call(tick).await;
                        continue;
                    }
                    Decision::Wait(at) => at,
                    // Calls are awaited here, so none is in flight when this is asked.
                    Decision::InFlight => now,
                },
            };
            let short_of_memory = self.host.budget.is_short_of_memory();
            let wake = if wake.since(now) < REST && !short_of_memory {
                wake
            } else if self.stays_until > now {
                self.stays_until
            } else {
                self.rest().await;
                wake
            };
            let host = Arc::clone(&self.host);
            tokio::select! {
                () = tokio::time::sleep(wake.since(now)) => {}
                () = host.pause.until_paused() => {}
                order = orders.recv() => match order {
                    Some(order) => self.obey(order, &mut orders).await,
                    None => return self.tell_last_status().await,
                }
            }
        }
    }

    /// Calls nothing while the owner's pause lasts. Due times that pass in it were not
    /// missed: the schedule begins anew.
    async fn pause(&mut self, orders: &mut mpsc::Receiver<Order>) {
        let host = Arc::clone(&self.host);
        let ended = tokio::select! {
            () = host.pause.while_paused() => true,
            order = orders.recv() => {
                if let Some(order) = order {
                    self.obey(order, orders).await;
                }
                false
            }
        };
        if ended
            && let Some(schedule) = &mut self.schedule
            && let Some(interval) = self.live.launch.policy.schedule
        {
            let now = self.host.clock.monotonic();
            *schedule = Schedule::new(interval, &self.host.device, &self.plugin, now);
        }
    }

    /// Who has no schedule only waits for orders.
    fn decide(&mut self, now: Monotonic) -> Decision {
        match &mut self.schedule {
            Some(schedule) => {
                schedule.stretch(self.host.budget.stretch(), now);
                schedule.poll(now)
            }
            None => Decision::Wait(now.after(REST)),
        }
    }

    /// When it is called next by its schedule.
    fn due(&self) -> Option<Monotonic> {
        self.schedule.as_ref().map(Schedule::due)
    }

    fn change_schedule(&mut self, interval: Option<Interval>, now: Monotonic) {
        match (&mut self.schedule, interval) {
            (Some(schedule), Some(interval)) => schedule.change(interval, now),
            (schedule, interval) => {
                *schedule = interval
                    .map(|interval| Schedule::new(interval, &self.host.device, &self.plugin, now));
            }
        }
    }

    /// A plugin that can't save what it leaves misbehaves as one that can't collect.
    async fn rest(&mut self) {
        if self.live.is_resting() {
            return;
        }
        match self.live.rest().await {
            Err(error) => self.judge(Err(error.into())).await,
            // A handler may not be asked for weeks: that it starts and saves is what its
            // probation is about until then.
            Ok(()) if self.schedule.is_none() => self.tell_ended(None),
            Ok(()) => {}
        }
    }

    fn tell_ended(&self, failure: Option<String>) {
        // The coordinator ends after its plugins.
        drop(self.ended.send(CallEnded {
            plugin: self.plugin.clone(),
            generation: self.live.launch.generation.id,
            failure,
        }));
    }

    async fn call(&mut self, tick: Tick) {
        self.punctuality.began(tick);
        let result = self.collect().await;
        if let Some(schedule) = &mut self.schedule {
            schedule.finished();
        }
        self.judge(result).await;
        self.host.look_at_budget().await;
    }

    async fn obey(&mut self, order: Order, orders: &mut mpsc::Receiver<Order>) {
        match order {
            Order::Swap(live, reply) => {
                // Whoever asked may have ended; the swap stands all the same.
                drop(reply.send(self.swap(*live).await));
            }
            Order::Return(live) => self.go_back(*live).await,
            Order::Renew(live) => self.renew(*live).await,
            Order::Full => match self.reporter.restart() {
                Ok(()) => {
                    if let Some(schedule) = &mut self.schedule {
                        schedule.run_once();
                    }
                }
                Err(error) => self.remark = format!("{error:#}"),
            },
            Order::Describe(reply) => drop(reply.send(self.describe())),
            Order::Handle(order) => {
                self.handle(*order, orders).await;
                self.stays_until = self.host.clock.monotonic().after(STAY);
            }
            Order::Rate(order) => order.refuse(),
            Order::Collect(reply) if self.host.pause.now().is_some() => {
                let reason = "the agent is paused: `bailiwick resume` ends that".to_owned();
                drop(reply.send(Err(reason)));
            }
            Order::Collect(reply) => {
                self.punctuality.began(Tick {
                    asked: true,
                    late: Duration::ZERO,
                    missed: 0,
                });
                let result = self.collect().await;
                let failure = result.as_ref().err().map(|failure| failure.reason.clone());
                self.judge(result).await;
                drop(reply.send(match failure {
                    Some(reason) => Err(reason),
                    None => self.reporter.last_rows(),
                }));
            }
        }
    }

    /// One call, and its report on disk.
    async fn collect(&mut self) -> Result<(), Failure> {
        let (schema, rows) = self.live.collect(&self.host).await?;
        let version = &self.live.launch.release.version;
        self.reporter
            .report(&self.host, version, &schema, &rows)
            .await
            .map_err(|error| Failure {
                struck: matches!(error, ReportError::Rows(_)),
                reason: error.to_string(),
            })
    }

    pub(super) async fn judge(&mut self, result: Result<(), Failure>) {
        let now = self.host.clock.monotonic();
        let suspended = self.supervision.is_suspended();
        let failure = match result {
            Ok(()) => {
                self.remark.clear();
                self.supervision.succeeded(now);
                None
            }
            Err(Failure { reason, struck }) => {
                self.punctuality.failed();
                self.remark.clone_from(&reason);
                let transition = struck.then(|| self.supervision.failed(now));
                self.tell_failure(&reason, transition, now).await;
                struck.then_some(reason)
            }
        };
        let figures = self.live.figures();
        if self.status.is_due(&figures, now) || self.supervision.is_suspended() && !suspended {
            self.tell_status(figures).await;
        }
        self.tell_ended(failure);
    }

    async fn tell_status(&mut self, figures: Figures) {
        self.status.told(figures, self.host.clock.monotonic());
        let event = self.status.event(&self.live.launch, figures);
        self.host.tell(event).await;
    }

    /// What the generation used that ends, to the last.
    async fn tell_last_status(&mut self) {
        let figures = self.live.figures();
        if self.status.is_behind(&figures) {
            self.tell_status(figures).await;
        }
    }

    async fn tell_failure(&mut self, reason: &str, transition: Option<Transition>, now: Monotonic) {
        let next = self
            .supervision
            .wake_at()
            .unwrap_or(Monotonic::ZERO)
            .max(self.due().unwrap_or(Monotonic::ZERO));
        self.host
            .tell(Event::CallFailed {
                plugin: self.plugin.clone(),
                reason: reason.to_owned(),
                again_in_ms: ms(next.since(now)),
            })
            .await;
        if let Some(Transition::Suspended { suspension, .. }) = transition {
            let event = Event::Suspended {
                plugin: self.plugin.clone(),
                for_ms: ms(suspension),
            };
            let kept = Suspension {
                generation: self.live.launch.generation.id,
                at: self.host.clock.now(),
                for_ms: ms(suspension),
                count: self.supervision.suspensions(),
            };
            self.host.tell_suspended(&event, &self.plugin, kept).await;
        }
    }

    /// Lets `new` take over. Until its `load` has answered, the old one is untouched.
    async fn swap(&mut self, mut new: Live) -> Result<(), String> {
        let old = &self.live.launch;
        let (from, old_id) = (old.release.version.to_string(), old.generation.id);
        let saved = self.live.save().await;
        let state =
            saved.map_err(|error| format!("{from} could not save what it hands over: {error}"))?;
        new.load(&from, &state)
            .await
            .map_err(|error| error.to_string())?;
        let bytes = state.len() as u64;
        self.tell_last_status().await;
        self.handed_over = Some((old_id, state));
        self.take(new);
        let swapped = Event::Swapped {
            plugin: self.plugin.clone(),
            from,
            to: self.live.launch.release.version.to_string(),
            state: bytes,
            missed: self.punctuality.missed,
            longest_late_us: micros(self.punctuality.longest_late),
        };
        let told: Vec<Event> = [swapped].into_iter().chain(self.live.takes()).collect();
        self.host.tell_all(&told).await;
        Ok(())
    }

    async fn go_back(&mut self, mut old: Live) {
        if let Some((generation, state)) = self.handed_over.take()
            && generation == old.launch.generation.id
            && let Err(error) = old
                .load(&old.launch.release.version.to_string(), &state)
                .await
        {
            // Its own state, refused: it starts afresh, which its author has to expect.
            self.remark = error.to_string();
        }
        self.tell_last_status().await;
        self.take(old);
        if let Some(takes) = self.live.takes() {
            self.host.tell(takes).await;
        }
    }

    /// Whatever becomes of the state, the old instance ends: its policy is no longer what
    /// the device's owner allows.
    async fn renew(&mut self, mut new: Live) {
        let version = new.launch.release.version.to_string();
        let mut state = Vec::new();
        match self.live.save().await {
            Ok(saved) => state = saved,
            Err(error) => self.remark = error.to_string(),
        }
        if let Err(error) = new.load(&version, &state).await {
            self.remark = error.to_string();
            state.clear();
        }
        let now = self.host.clock.monotonic();
        self.change_schedule(new.launch.policy.schedule, now);
        self.tell_last_status().await;
        self.live = new;
        self.status = Status::new(self.host.clock.now());
        self.host
            .tell(Event::Narrowed {
                plugin: self.plugin.clone(),
                version,
                state: state.len() as u64,
            })
            .await;
    }

    fn take(&mut self, live: Live) {
        let now = self.host.clock.monotonic();
        self.change_schedule(live.launch.policy.schedule, now);
        self.supervision = Supervision::new(Rules::default());
        live.launch.budget.take_over(&self.live.launch.budget, now);
        self.live = live;
        self.status = Status::new(self.host.clock.now());
    }

    pub(super) fn describe(&self) -> Description {
        let now = self.host.clock.monotonic();
        let next = self.supervision.wake_at().max(self.due());
        Description {
            launch: Arc::clone(&self.live.launch),
            doing: if self.supervision.may_call() && self.live.is_resting() {
                Doing::Resting
            } else if self.supervision.may_call() {
                Doing::Running
            } else if self.supervision.is_suspended() {
                Doing::Suspended
            } else {
                Doing::BackOff
            },
            next_in: next.map(|next| next.since(now)),
            punctuality: self.punctuality,
            figures: self.live.figures(),
            since: self.status.since(),
            remark: self.remark.clone(),
        }
    }
}

/// As it was when the agent ended: a suspension of this generation that is not over goes on.
async fn supervision(
    host: &Host,
    plugin: &PluginName,
    generation: GenerationId,
) -> anyhow::Result<Supervision> {
    let kept = host.store.suspension(plugin).await?;
    let kept = kept.filter(|kept| kept.generation == generation);
    let left = kept.and_then(|kept| Some((kept.left(host.clock.now())?, kept.count)));
    let rules = Rules::default();
    Ok(match left {
        Some((left, count)) => {
            Supervision::suspended(rules, host.clock.monotonic().after(left), count)
        }
        None => Supervision::new(rules),
    })
}

/// A call that brought no report.
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether it counts against the plugin.
    pub(super) struck: bool,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        // What was not begun, and what the plugin itself says in order, is no misbehaviour.
        let struck = !matches!(
            error,
            CallError::Wait(_)
                | CallError::Unavailable(_)
                | CallError::Denied(_)
                | CallError::Trapped(Trap::Cancelled)
        );
        Self {
            reason: error.to_string(),
            struck,
        }
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Call(error) => error.into(),
            // Its window is used up: it is started in the next.
            error => Self {
                struck: error.wait().is_none(),
                reason: error.to_string(),
            },
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
