//! One assigned plugin: its rollout, and the actor of what runs of it.

use std::{collections::VecDeque, sync::Arc};

use anyhow::Context as _;
use bailiwick_core::{
    policy::{Change, Policy, Relation, compare},
    ports::Fetch,
    release::World,
    rollout::{Effect, Event as Happening, Generation, Rollout, Step},
};
use bailiwick_delivery::Delivery;
use tokio::sync::{mpsc, oneshot};

use super::{
    activate::{self, Verified},
    actor::{Actor, CallEnded, Order},
    describe::Description,
    host::Host,
    launch::Launch,
    live::Live,
    rollout_words,
    session_plugin::Group,
};
use crate::{events::Event, figures::Bounds};

/// Orders that may wait for one plugin.
const ORDERS: usize = 16;

/// One assigned plugin.
pub(crate) struct Plugin {
    pub(crate) rollout: Rollout,
    /// Why the newest version does not run, or empty.
    pub(crate) remark: String,
    pub(crate) orders: Option<mpsc::Sender<Order>>,
    candidate: Candidate,
    ended: mpsc::UnboundedSender<CallEnded>,
}

/// How far the candidate has come.
enum Candidate {
    None,
    Verified(Box<Verified>),
    Compiled(Arc<Launch>),
    Live(Box<Live>),
}

/// What effects need from outside.
pub(crate) struct Around<'a> {
    pub(crate) host: &'a Arc<Host>,
    pub(crate) delivery: &'a mut Delivery,
    pub(crate) fetch: &'a dyn Fetch,
    /// Whether the agent starts from the disk alone.
    pub(crate) offline: bool,
}

impl Plugin {
    pub(crate) fn new(rollout: Rollout, ended: mpsc::UnboundedSender<CallEnded>) -> Self {
        Self {
            rollout,
            remark: String::new(),
            orders: None,
            candidate: Candidate::None,
            ended,
        }
    }

    /// Tells the rollout what happened and does what it asks for, until it asks no more.
    pub(crate) async fn happened(&mut self, around: &mut Around<'_>, happening: Happening) {
        let now = || around.host.clock.monotonic();
        let assigned = matches!(happening, Happening::Assigned { .. });
        let mut effects = VecDeque::from(self.rollout.on(happening, now()));
        while let Some(effect) = effects.pop_front() {
            if let Some(next) = self.execute(around, effect).await {
                // A step's end decides what comes after it: ahead of nothing, since a step
                // is always the last effect of its event.
                effects.extend(self.rollout.on(next, around.host.clock.monotonic()));
            }
        }
        if assigned && !self.rollout.has_given_up() {
            // What was refused is wanted no more.
            self.remark.clear();
        }
    }

    async fn execute(&mut self, around: &mut Around<'_>, effect: Effect) -> Option<Happening> {
        match effect {
            Effect::Do {
                step, generation, ..
            } => {
                return Some(self.step(around, step, generation).await);
            }
            Effect::Activate(generation) => self.activate(around, &generation).await,
            Effect::Start(generation) => {
                if let Err(error) = self.start(around, &generation).await {
                    let reason = format!("{error:#}");
                    self.refused(around.host, &generation, reason.clone()).await;
                    return Some(Happening::CallFailed {
                        generation: generation.id,
                        reason,
                    });
                }
            }
            // The actor stays when another generation takes its place.
            Effect::Stop(_) if self.rollout.running().is_some() => {}
            Effect::Stop(_) => self.orders = None,
            Effect::Discard(_) => self.candidate = Candidate::None,
            Effect::Report(transition) => {
                let plugin = self.rollout.plugin();
                if let Some(event) = rollout_words::event(plugin, &transition) {
                    if let Event::Refused { reason, .. } = &event {
                        self.remark.clone_from(reason);
                    }
                    around.host.tell(event).await;
                }
            }
        }
        None
    }

    async fn step(
        &mut self,
        around: &mut Around<'_>,
        step: Step,
        generation: Generation,
    ) -> Happening {
        let id = generation.id;
        match self.try_step(around, step, &generation).await {
            Ok(Ended::Done) => Happening::StepDone {
                generation: id,
                step,
            },
            Ok(Ended::Widened(difference)) => Happening::Widened {
                generation: id,
                difference,
            },
            Err(error) => {
                let reason = format!("{error:#}");
                if activate::is_temporary(&error) {
                    Happening::StepPutOff {
                        generation: id,
                        step,
                        reason,
                    }
                } else {
                    Happening::StepFailed {
                        generation: id,
                        step,
                        reason,
                    }
                }
            }
        }
    }

    async fn try_step(
        &mut self,
        around: &mut Around<'_>,
        step: Step,
        generation: &Generation,
    ) -> anyhow::Result<Ended> {
        let host = around.host;
        let candidate = std::mem::replace(&mut self.candidate, Candidate::None);
        self.candidate = match (step, candidate) {
            (Step::Verify, _) => {
                let wanted = &generation.wanted;
                let verified =
                    activate::verify(host, around.delivery, around.fetch, wanted).await?;
                Candidate::Verified(Box::new(verified))
            }
            (Step::Audit, Candidate::Verified(verified)) => {
                let difference = activate::not_granted(host, &verified)?;
                if !difference.is_empty() {
                    return Ok(Ended::Widened(difference));
                }
                self.tell_policy(host, generation, &verified.policy).await;
                Candidate::Verified(verified)
            }
            (Step::Compile, Candidate::Verified(verified)) => {
                Candidate::Compiled(activate::compile(host, generation, *verified).await?)
            }
            (Step::Instantiate, Candidate::Compiled(launch)) => {
                Candidate::Live(Box::new(make_ready(host, &launch).await?))
            }
            (Step::HandOver, Candidate::Live(live)) => match &self.orders {
                Some(orders) => {
                    let (reply, answer) = oneshot::channel();
                    let gone = "the running version ended meanwhile";
                    orders
                        .send(Order::Swap(live, reply))
                        .await
                        .ok()
                        .context(gone)?;
                    answer.await.context(gone)?.map_err(anyhow::Error::msg)?;
                    Candidate::None
                }
                None => Candidate::Live(live),
            },
            (step, _) => anyhow::bail!("nothing to {}: the step before is missing", step.name()),
        };
        Ok(Ended::Done)
    }

    /// Tells what `policy` changes, held against that of what runs. Whoever holds the key of
    /// `policies` has signed it; this says on each device what that was.
    async fn tell_policy(&self, host: &Host, generation: &Generation, policy: &Policy) {
        let runs = match &self.orders {
            Some(orders) => describe(orders).await,
            None => None,
        };
        let Some(runs) = runs else { return };
        let (old, new) = (Arc::clone(&runs.launch.policy), policy.clone());
        // Policies of many grants take their time.
        let compared = tokio::task::spawn_blocking(move || compare(&old, &new));
        let Ok(comparison) = compared.await else {
            return;
        };
        if comparison.relation() == Relation::Same {
            return;
        }
        host.tell(Event::PolicyChanged {
            plugin: self.rollout.plugin().clone(),
            version: generation.wanted.version.to_string(),
            wider: comparison.wider().map(Change::to_string).collect(),
            narrower: comparison.narrower().map(Change::to_string).collect(),
        })
        .await;
    }

    /// Calls go to the candidate: to the actor that swapped it in already, or to a new one.
    async fn activate(&mut self, around: &Around<'_>, generation: &Generation) {
        self.remark.clear();
        let Candidate::Live(live) = std::mem::replace(&mut self.candidate, Candidate::None) else {
            return;
        };
        if let Err(error) = self.begin(around, *live).await {
            self.refused(around.host, generation, format!("{error:#}"))
                .await;
        }
    }

    /// Starts a generation that was active before, from the disk.
    async fn start(&mut self, around: &Around<'_>, generation: &Generation) -> anyhow::Result<()> {
        let host = around.host;
        let verified = activate::stored(host, around.delivery, &generation.wanted)?;
        let launch = activate::compile(host, generation, verified).await?;
        let live = make_ready(host, &launch).await?;
        match &self.orders {
            Some(orders) => orders
                .send(Order::Return(Box::new(live)))
                .await
                .ok()
                .context("the actor ended"),
            None => self.begin(around, live).await,
        }
    }

    /// Goes on under the ceiling as it is now, if that makes a difference. What can't, runs
    /// no more: nothing may do what its device's owner took from it.
    pub(crate) async fn follow_ceiling(&mut self, around: &mut Around<'_>) {
        let Some(generation) = self.rollout.running().cloned() else {
            return;
        };
        if let Err(error) = self.renew(around, &generation).await {
            self.orders = None;
            let reason = format!("it can't run under the new ceiling: {error:#}");
            self.refused(around.host, &generation, reason).await;
        }
    }

    async fn renew(
        &mut self,
        around: &mut Around<'_>,
        generation: &Generation,
    ) -> anyhow::Result<()> {
        let host = around.host;
        let verified = activate::stored(host, around.delivery, &generation.wanted)?;
        let runs = match &self.orders {
            Some(orders) => describe(orders).await,
            None => None,
        };
        if runs.is_some_and(|runs| *runs.launch.policy == verified.policy) {
            return Ok(());
        }
        let launch = activate::compile(host, generation, verified).await?;
        let live = make_ready(host, &launch).await?;
        let Some(orders) = &self.orders else {
            return self.begin(around, live).await;
        };
        orders
            .send(Order::Renew(Box::new(live)))
            .await
            .ok()
            .context("the actor ended")
    }

    async fn begin(&mut self, around: &Around<'_>, live: Live) -> anyhow::Result<()> {
        let started = Event::PluginStarted {
            plugin: self.rollout.plugin().clone(),
            version: live.launch.release.version.to_string(),
            offline: around.offline,
        };
        let (orders, receiver) = mpsc::channel(ORDERS);
        let (host, ended) = (Arc::clone(around.host), self.ended.clone());
        if live.launch.release.world == World::SessionCollector {
            around.host.tell(started).await;
            tokio::spawn(Group::new(host, live, ended).run(receiver));
        } else {
            let takes = live.takes();
            let actor = Actor::new(host, live, ended).await?;
            let told: Vec<Event> = [started].into_iter().chain(takes).collect();
            around.host.tell_all(&told).await;
            tokio::spawn(actor.run(receiver));
        }
        self.orders = Some(orders);
        Ok(())
    }

    async fn refused(&mut self, host: &Host, generation: &Generation, reason: String) {
        self.remark.clone_from(&reason);
        host.tell(Event::Refused {
            plugin: self.rollout.plugin().clone(),
            version: generation.wanted.version.to_string(),
            reason,
        })
        .await;
    }
}

/// How the plugin behind `orders` is; `None` if it ended.
pub(crate) async fn describe(orders: &mpsc::Sender<Order>) -> Option<Description> {
    let (reply, answer) = oneshot::channel();
    orders.send(Order::Describe(reply)).await.ok()?;
    answer.await.ok()
}

/// How a step ended, if it did not fail.
enum Ended {
    Done,
    Widened(Vec<String>),
}

/// Shows that every limit holds, then instantiates beside whatever runs.
async fn make_ready(host: &Host, launch: &Arc<Launch>) -> anyhow::Result<Live> {
    let plugin = launch.release.plugin.clone();
    host.tell(Event::Granted {
        plugin: plugin.clone(),
        grants: launch.grants(),
        approved_by: launch.approvers(),
    })
    .await;
    let limits = host.prove(&launch.policy.limits).await?;
    let bounds = Bounds::from(&launch.policy.limits);
    host.tell(Event::LimitsProven {
        plugin,
        limits,
        bounds,
    })
    .await;
    Ok(launch.live(host).await?)
}
