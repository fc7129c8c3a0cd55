//! What one instance holds and what its current call has used.

use bailiwick_core::{limits::Limits, policy::CapabilitySet};
use wasmtime::ResourceLimiter;

use super::{Enforced, Enforcer};
use crate::trap::Trap;

/// Bytes that one element of a table costs.
const TABLE_ELEMENT: u64 = 16;

/// Most core instances, memories and tables of one plugin. Each costs the host some
/// bookkeeping that is not counted as memory; interpreters compiled to components use
/// about ten.
const MOST_PARTS: usize = 128;

/// Memory held and host calls made. The memory of a guest never shrinks.
#[derive(Debug)]
pub(crate) struct Account {
    limits: Limits,
    enforced: Enforced,
    /// Kept free during a call for what it passes, see [`Account::begin`].
    reserved: u64,
    /// Whether `reserved` is less than was wanted.
    reserved_short: bool,
    /// Linear memories and tables.
    guest: u64,
    /// What the last permitted growth added, in case wasmtime can't do it.
    growth: u64,
    /// Buffers that the host keeps for the plugin until the instance ends.
    kept: u64,
    /// Buffers of the current host call.
    passing: u64,
    high_water: u64,
    memory_refused: bool,
    host_calls: u32,
    /// Answered with `denied`, since the instance started.
    pub(crate) denials: u64,
    /// All host calls, since the instance started.
    pub(crate) all_host_calls: u64,
    /// Time in host calls, since the instance started.
    pub(crate) host_ns: u64,
    /// What was called, since the instance started.
    pub(crate) capabilities: CapabilitySet,
}

impl Account {
    pub(crate) fn new(limits: Limits, enforced: Enforced) -> Self {
        Self {
            limits,
            enforced,
            reserved: 0,
            reserved_short: false,
            guest: 0,
            growth: 0,
            kept: 0,
            passing: 0,
            high_water: 0,
            memory_refused: false,
            host_calls: 0,
            denials: 0,
            all_host_calls: 0,
            host_ns: 0,
            capabilities: CapabilitySet::default(),
        }
    }

    /// Whether `enforcer` is at work.
    pub(crate) fn enforces(&self, enforcer: Enforcer) -> bool {
        self.enforced.is_on(enforcer)
    }

    /// Bytes held now.
    pub(crate) fn memory(&self) -> u64 {
        self.guest
            .saturating_add(self.kept)
            .saturating_add(self.passing)
    }

    /// Most bytes ever held.
    pub(crate) fn high_water(&self) -> u64 {
        self.high_water
    }

    /// Bytes that can still be taken.
    pub(crate) fn memory_left(&self) -> u64 {
        if !self.enforced.is_on(Enforcer::Memory) {
            return u64::MAX;
        }
        self.limits
            .memory
            .get()
            .saturating_sub(self.reserved)
            .saturating_sub(self.memory())
    }

    /// Whether the current call was refused memory.
    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused
    }

    /// A new call of the guest begins. What the guest passes to the host, as arguments of
    /// one host call or as the call's result, is copied before anybody here can count it:
    /// room for it is kept free during the whole call. That is `wanted` bytes, but at most
    /// half of what is left, since the guest holds the original. Answers how many.
    pub(crate) fn begin(&mut self, wanted: u64) -> u64 {
        self.host_calls = 0;
        self.passing = 0;
        self.memory_refused = false;
        self.reserved = 0;
        self.reserved = wanted.min(self.memory_left() / 2);
        self.reserved_short = self.reserved < wanted;
        self.reserved
    }

    /// Whether less than what the call may pass fitted into memory when it began.
    pub(crate) fn reserved_short(&self) -> bool {
        self.reserved_short
    }

    /// Counts a host call; what the one before passed has arrived in the guest.
    pub(crate) fn host_call(&mut self) -> Result<(), Trap> {
        self.passing = 0;
        self.host_calls = self.host_calls.saturating_add(1);
        self.all_host_calls += 1;
        if self.host_calls_exceeded() {
            return Err(Trap::HostCalls);
        }
        Ok(())
    }

    /// Host calls of the current call, or of the last one.
    pub(crate) fn host_calls(&self) -> u32 {
        self.host_calls
    }

    /// Whether the current call has made more host calls than it may.
    pub(crate) fn host_calls_exceeded(&self) -> bool {
        self.enforced.is_on(Enforcer::HostCalls) && self.host_calls > self.limits.host_calls
    }

    /// Takes `bytes` for what the current host call passes.
    pub(crate) fn pass(&mut self, bytes: u64) -> Result<(), Trap> {
        self.take(bytes)?;
        self.passing = self.passing.saturating_add(bytes);
        Ok(())
    }

    /// The call has ended: what it passed has arrived.
    pub(crate) fn end(&mut self) {
        self.passing = 0;
        self.reserved = 0;
    }

    /// Makes what the host keeps for the plugin `bytes` in all.
    pub(crate) fn keep(&mut self, bytes: u64) -> Result<(), Trap> {
        self.take(bytes.saturating_sub(self.kept))?;
        self.kept = bytes;
        Ok(())
    }

    /// Checks that `bytes` more fit, and notes the high water.
    fn take(&mut self, bytes: u64) -> Result<(), Trap> {
        if bytes > self.memory_left() {
            self.memory_refused = true;
            return Err(Trap::Memory);
        }
        self.high_water = self.high_water.max(self.memory().saturating_add(bytes));
        Ok(())
    }

    fn grow(&mut self, bytes: u64, possible: bool) -> wasmtime::Result<bool> {
        self.growth = 0;
        if !possible {
            // The guest's own maximum: it sees a failure, as in any host.
            return Ok(false);
        }
        self.take(bytes)?;
        self.growth = bytes;
        self.guest = self.guest.saturating_add(bytes);
        Ok(true)
    }

    fn undo_growth(&mut self) {
        self.guest -= std::mem::take(&mut self.growth);
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl ResourceLimiter for Account {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let possible = maximum.is_none_or(|maximum| desired <= maximum);
        self.grow(bytes(desired).saturating_sub(bytes(current)), possible)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo_growth();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let possible = maximum.is_none_or(|maximum| desired <= maximum);
        let elements = bytes(desired).saturating_sub(bytes(current));
        self.grow(elements.saturating_mul(TABLE_ELEMENT), possible)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo_growth();
        Ok(())
    }

    fn instances(&self) -> usize {
        MOST_PARTS
    }

    fn memories(&self) -> usize {
        MOST_PARTS
    }

    fn tables(&self) -> usize {
        MOST_PARTS
    }
}
