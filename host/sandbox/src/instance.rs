//! One running plugin.

use std::{pin::pin, sync::Arc, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    limits::Limits,
    policy::{Policy, learn::Peaks},
    release::World,
    time::Timestamp,
};
use bailiwick_report::schema::Schema;
use wasmtime::{Store, UpdateDeadline};

use crate::{
    action::Action,
    bindings::exports::bailiwick::plugin::{collect::CollectError, handover::Refusal},
    component::Component,
    context::{Context, Ports},
    error::{CallError, StartError},
    exports::{Exports, Ready},
    limits::{
        CpuBudget, Enforced, Enforcer,
        timing::{Opening, Spent, Timing},
    },
    linker,
    schema::schema,
    text::one_line,
    trap::Trap,
    usage::Usage,
};

/// Longest text of a guest's error, in bytes.
const REASON: usize = 1024;

/// What lists and strings of a schema may cost, in bytes: 64 collections of 64 fields of
/// the longest names are below 2 MiB.
const SCHEMA: u64 = 2 * 1024 * 1024;

/// What one host call may pass to the host beyond the largest limit, in bytes: so that a
/// long log line is cut, and a value that is too large for the state is refused, rather
/// than the plugin stopped. By this much a plugin's memory can pass its limit for a moment.
const SPARE: u64 = 64 * 1024;

/// A plugin that runs: one store, one component instance, called one call at a time.
///
/// What the policy grants is decided when it starts; a grant that expires later answers
/// `denied` from then on. An instance that was stopped, by a trap or because the future of
/// a call was dropped, is dead: every further call says so.
pub struct Instance {
    store: Store<Context>,
    exports: Exports,
    component: Component,
    timing: Arc<Timing>,
    limits: Limits,
    enforced: Enforced,
    budget: CpuBudget,
    schema: Option<Schema>,
    alive: bool,
    calls: u64,
    traps: u64,
    elapsed_ns: u64,
    cpu_ns: u64,
    output: u64,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("plugin", &self.store.data().plugin)
            .field("alive", &self.alive)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Links what `policy` names at `now` and instantiates, under the limits of a call and
    /// with a share of the processor of its own. An instance that replaces another of the
    /// same plugin is started by [`Self::start_within`].
    ///
    /// # Errors
    ///
    /// If the component imports what was never granted, is of no world, or is stopped by
    /// a limit.
    pub async fn start(
        component: &Component,
        policy: &Policy,
        plugin: &PluginName,
        ports: Ports,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let budget = CpuBudget::new(policy.limits.cpu, ports.clock.monotonic());
        Self::start_within(component, policy, plugin, ports, now, &budget).await
    }

    /// As [`Self::start`], with what `budget` has left of the plugin's share of the
    /// processor.
    ///
    /// # Errors
    ///
    /// As of [`Self::start`], and [`StartError::Wait`] if nothing is left.
    pub async fn start_within(
        component: &Component,
        policy: &Policy,
        plugin: &PluginName,
        ports: Ports,
        now: Timestamp,
        budget: &CpuBudget,
    ) -> Result<Self, StartError> {
        let enforced = Enforced::default();
        Self::start_enforced(component, policy, plugin, ports, now, (budget, enforced)).await
    }

    pub(crate) async fn start_enforced(
        component: &Component,
        policy: &Policy,
        plugin: &PluginName,
        ports: Ports,
        now: Timestamp,
        (budget, enforced): (&CpuBudget, Enforced),
    ) -> Result<Self, StartError> {
        let contract = |error: wasmtime::Error| StartError::Contract {
            plugin: plugin.to_string(),
            reason: one_line(&format!("{error:#}"), REASON),
        };
        if let Some(interface) = linker::missing(component, policy, now, enforced) {
            return Err(StartError::NotGranted {
                plugin: plugin.to_string(),
                interface,
            });
        }
        let linker = linker::linker(component, policy, now, enforced).map_err(contract)?;
        let ready = Ready::new(component, &linker).map_err(contract)?;
        let mut store = store(component, policy, plugin, ports, now, enforced);
        let timing = Arc::clone(&store.data().timing);
        let opening = Opening::new(budget, timing.now());
        if opening.left_ns == 0 && enforced.is_on(Enforcer::Cpu) {
            return Err(StartError::Wait {
                plugin: plugin.to_string(),
                wait: opening.wait(),
            });
        }
        store.data_mut().account.begin(0);
        store.set_hostcall_fuel(fuel(0));
        store.set_epoch_deadline(1);
        let (made, spent) = {
            let mut flight = component.engine().fly();
            let call = pin!(ready.instantiate(&mut store));
            timing.run(&mut flight, budget, opening, call).await
        };
        let account = &store.data().account;
        let made = made.and_then(|made| made.map_err(|error| Trap::classify(&error, account)));
        let exports = made.map_err(|trap| StartError::Trapped {
            plugin: plugin.to_string(),
            trap,
            usage: Box::new(Usage {
                traps: 1,
                ..used(store.data(), spent.elapsed_ns, spent.cpu_ns)
            }),
        })?;
        let context = store.data_mut();
        context.account.end();
        context.lines.end_call();
        Ok(Self {
            store,
            exports,
            component: component.clone(),
            timing,
            limits: policy.limits,
            enforced,
            budget: budget.clone(),
            schema: None,
            alive: true,
            calls: 0,
            traps: 0,
            elapsed_ns: spent.elapsed_ns,
            cpu_ns: spent.cpu_ns,
            output: 0,
        })
    }

    /// What the plugin's rows look like. Asked once per instance.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn schema(&mut self) -> Result<Schema, CallError> {
        if let Some(schema) = &self.schema {
            return Ok(schema.clone());
        }
        let collections = self
            .call(SCHEMA, async |exports, store| match exports {
                Exports::Collector(exports) => {
                    let collector = exports.bailiwick_plugin_collect();
                    collector.call_schema(store).await.map(Some)
                }
                Exports::ActionHandler(_) => Ok(None),
            })
            .await?
            .ok_or(CallError::OtherWorld(self.world()))?;
        let schema = schema(collections)?;
        Ok(self.schema.insert(schema).clone())
    }

    /// One reading of the device, in the contract's layout: not checked here.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn collect(&mut self) -> Result<Vec<u8>, CallError> {
        let answer = self
            .call(self.most_passed(), async |exports, store| match exports {
                Exports::Collector(exports) => {
                    let collector = exports.bailiwick_plugin_collect();
                    collector.call_collect(store).await.map(Some)
                }
                Exports::ActionHandler(_) => Ok(None),
            })
            .await?
            .ok_or(CallError::OtherWorld(self.world()))?;
        let rows = answer.map_err(|error| match error {
            CollectError::Unavailable(text) => CallError::Unavailable(one_line(&text, REASON)),
            CollectError::Denied(text) => CallError::Denied(one_line(&text, REASON)),
        })?;
        self.bound(rows, self.limits.output, Enforcer::Output, Trap::Output)
    }

    /// What this version leaves to the next. Empty means nothing.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn save(&mut self) -> Result<Vec<u8>, CallError> {
        let saved = self
            .call(self.most_passed(), async |exports, store| {
                exports.save(store).await
            })
            .await?;
        self.bound(saved, self.limits.state, Enforcer::State, Trap::State)
    }

    /// Hands over what version `from_version` saved.
    ///
    /// # Errors
    ///
    /// [`CallError::Incompatible`] or [`CallError::Corrupt`] if the plugin refuses, and
    /// those of any call.
    pub async fn load(&mut self, from_version: &str, bytes: &[u8]) -> Result<(), CallError> {
        let answer = self
            .call(self.most_passed(), async |exports, store| {
                exports.load(store, from_version, bytes).await
            })
            .await?;
        answer.map_err(|refusal| match refusal {
            Refusal::Incompatible(text) => CallError::Incompatible(one_line(&text, REASON)),
            Refusal::Corrupt(text) => CallError::Corrupt(one_line(&text, REASON)),
        })
    }

    /// Which kind of plugin it is.
    pub fn world(&self) -> World {
        self.exports.world()
    }

    /// Whether it can be called.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// How long it may not be called, because its share of the processor is used up.
    pub fn wait(&self) -> Option<Duration> {
        let opening = Opening::new(&self.budget, self.timing.now());
        let is_used_up = opening.left_ns == 0 && self.enforced.is_on(Enforcer::Cpu);
        is_used_up.then(|| opening.wait())
    }

    /// What it has used.
    pub fn usage(&self) -> Usage {
        Usage {
            calls: self.calls,
            traps: self.traps,
            output: ByteCount::new(self.output),
            ..used(self.store.data(), self.elapsed_ns, self.cpu_ns)
        }
    }

    /// What one host call may pass to the host, and what an export may return: enough for
    /// every limit. The exact limit of each is checked by who takes it.
    pub(crate) fn most_passed(&self) -> u64 {
        self.limits.output.get().max(self.limits.state.get())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn enforced(&self) -> Enforced {
        self.enforced
    }

    /// What the bridges see as the action at work.
    pub(crate) fn set_action(&mut self, action: Option<Action>) {
        self.store.data_mut().action = action;
    }

    /// Checks what an export returned. Too much stops the instance.
    pub(crate) fn bound<T: AsRef<[u8]>>(
        &mut self,
        bytes: T,
        limit: ByteCount,
        enforcer: Enforcer,
        trap: Trap,
    ) -> Result<T, CallError> {
        let length = bytes.as_ref().len() as u64;
        self.output = self.output.saturating_add(length);
        let context = self.store.data();
        if context.observed {
            context.ports.decisions.used(Peaks {
                output_bytes: length,
                ..Peaks::default()
            });
        }
        if self.enforced.is_on(enforcer) && length > limit.get() {
            return Err(self.stop(trap));
        }
        Ok(bytes)
    }

    pub(crate) fn stop(&mut self, trap: Trap) -> CallError {
        self.alive = false;
        self.traps += 1;
        self.store.data_mut().state.roll_back();
        CallError::Trapped(trap)
    }

    /// Calls an export that passes up to `most` bytes to the host at once, under every
    /// limit, then keeps what it changed in its state.
    pub(crate) async fn call<T>(
        &mut self,
        most: u64,
        export: impl AsyncFnOnce(&Exports, &mut Store<Context>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        if !self.alive {
            return Err(CallError::Dead);
        }
        let opening = Opening::new(&self.budget, self.timing.now());
        if opening.left_ns == 0 && self.enforced.is_on(Enforcer::Cpu) {
            return Err(CallError::Wait(opening.wait()));
        }
        // Until the call has returned: its future can be dropped at any point, and an
        // instance left in the middle of a call can't be entered again.
        self.alive = false;
        self.calls += 1;
        let reserved = self.store.data_mut().account.begin(most);
        self.store
            .set_hostcall_fuel(if self.enforced.is_on(Enforcer::Output) {
                fuel(reserved)
            } else {
                usize::MAX
            });
        self.store.set_epoch_deadline(1);
        let (result, spent) = {
            let mut flight = self.component.engine().fly();
            let call = pin!(export(&self.exports, &mut self.store));
            self.timing
                .run(&mut flight, &self.budget, opening, call)
                .await
        };
        self.tell_peaks(&spent);
        self.spent(spent);
        let context = self.store.data_mut();
        context.lines.end_call();
        let account = &context.account;
        let result = result.and_then(|result| result.map_err(|e| Trap::classify(&e, account)));
        context.account.end();
        match result {
            Ok(value) => {
                self.alive = true;
                if self.store.data().state.is_changed() {
                    return self.commit_then(value).await;
                }
                Ok(value)
            }
            Err(trap) => Err(self.stop(trap)),
        }
    }

    /// Makes the call's changes durable before its result counts. A function of its own, so
    /// that results wait in memory only where there is something to write.
    async fn commit_then<T>(&mut self, value: T) -> Result<T, CallError> {
        self.commit().await?;
        Ok(value)
    }

    /// What a call used, for who observes the plugin.
    fn tell_peaks(&self, spent: &Spent) {
        let context = self.store.data();
        if context.observed {
            context.ports.decisions.used(Peaks {
                calls: 1,
                memory_bytes: context.account.high_water(),
                elapsed_us: spent.elapsed_ns / 1_000,
                host_calls: u64::from(context.account.host_calls()),
                state_bytes: context.state.held(),
                output_bytes: 0,
            });
        }
    }

    fn spent(&mut self, spent: Spent) {
        self.elapsed_ns = self.elapsed_ns.saturating_add(spent.elapsed_ns);
        self.cpu_ns = self.cpu_ns.saturating_add(spent.cpu_ns);
    }

    /// Makes the call's changes durable.
    async fn commit(&mut self) -> Result<(), CallError> {
        let context = self.store.data_mut();
        let changes = context.state.take_changes();
        let committed = context.ports.state.commit(&context.plugin, changes).await;
        if let Err(error) = committed {
            context.state.roll_back();
            return Err(error.into());
        }
        Ok(())
    }
}

/// What an instance has used of which the calls took so long on the clock, and so much of
/// the processor. How many there were, and what they returned, their maker knows.
fn used(context: &Context, elapsed_ns: u64, cpu_ns: u64) -> Usage {
    let account = &context.account;
    let (log_lines, log_lines_dropped) = context.lines.counts();
    Usage {
        host_calls: account.all_host_calls,
        denials: account.denials,
        guest_time: Duration::from_nanos(elapsed_ns.saturating_sub(account.host_ns)),
        host_time: Duration::from_nanos(account.host_ns),
        cpu: Duration::from_nanos(cpu_ns),
        memory: ByteCount::new(account.memory()),
        memory_high_water: ByteCount::new(account.high_water()),
        log_lines,
        log_lines_dropped,
        capabilities: account.capabilities,
        ..Usage::default()
    }
}

/// The fuel for copying `most` bytes out of the guest in one host call or result, see
/// [`Account::begin`].
fn fuel(most: u64) -> usize {
    usize::try_from(most.saturating_add(SPARE)).unwrap_or(usize::MAX)
}

fn store(
    component: &Component,
    policy: &Policy,
    plugin: &PluginName,
    ports: Ports,
    now: Timestamp,
    enforced: Enforced,
) -> Store<Context> {
    let context = Context::new(policy, plugin, ports, now, enforced);
    let mut store = Store::new(component.engine().wasmtime(), context);
    store.limiter(|context| &mut context.account);
    store.epoch_deadline_callback(|store| {
        let context = store.data();
        let way = context.timing.tick()?;
        // Host calls of WASI can't fail on the spot.
        if context.account.host_calls_exceeded() {
            return Err(Trap::HostCalls.into());
        }
        if !context.account.enforces(Enforcer::GivingWay) {
            return Ok(UpdateDeadline::Continue(1));
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(way)))
    });
    store
}
