//! Whether an operator may have a plugin run a program at any time.

use bailiwick_core::{
    policy::{Access, Capability, Policy},
    ports::Expectation,
    release::World,
};

use super::{host::Host, launch::Launch};

/// What a plugin expects of the device.
#[derive(Default)]
pub(crate) struct Expecting(Option<Expectation>);

impl Expecting {
    /// Expects runs if `launch` may be asked for one now, and else no more. Nobody waits for
    /// a plugin that is called by a schedule, so nothing is made ready for those.
    pub(crate) fn follow(&mut self, host: &Host, launch: &Launch) {
        let is_handler = launch.release.world == World::ActionHandler;
        let may = is_handler && host.pause.now().is_none() && may_run(&launch.policy, host);
        match (may, &self.0) {
            (true, None) => self.0 = Some(host.ports.exec.expect_runs()),
            (false, Some(_)) => self.0 = None,
            (true, Some(_)) | (false, None) => {}
        }
    }
}

fn may_run(policy: &Policy, host: &Host) -> bool {
    policy.access(Capability::Exec, host.clock.now()) == Access::Linked
}
