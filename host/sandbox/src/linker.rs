//! What a component finds when it is started: what its policy names, and nothing else.

use bailiwick_core::{
    policy::{Access, Capability, Policy},
    release::World,
    time::Timestamp,
};
use wasmtime::component::{HasSelf, Linker};

use crate::{
    bindings::action_handler::bailiwick::plugin::{message, power, process_control, progress},
    bindings::bailiwick::plugin::{
        clock, config, exec, files, http, log, network, processes, sessions, state, system, wake,
        watch,
    },
    component::Component,
    context::Context,
    limits::{Enforced, Enforcer},
};

/// Package of the contract, as import names begin.
const CONTRACT: &str = "bailiwick:plugin/";

/// Names that the linker must not define: types only, no functions.
const TYPES: &str = "types";

/// What the world of handlers brings, granted or not.
const PROGRESS: &str = "progress";

/// The first import of `component` that the policy does not link.
pub(crate) fn missing(
    component: &Component,
    policy: &Policy,
    now: Timestamp,
    enforced: Enforced,
) -> Option<String> {
    let world = component.world();
    let of_world = of_world(world, enforced);
    let handles = world == Some(World::ActionHandler);
    component.imports().into_iter().find(|import| {
        let Some(rest) = import.strip_prefix(CONTRACT) else {
            return !import.starts_with("wasi:");
        };
        let name = rest.split_once('@').map_or(rest, |(name, _)| name);
        name != TYPES
            && !(handles && name == PROGRESS)
            && Capability::ALL
                .into_iter()
                .find(|capability| capability.name() == name)
                .is_none_or(|capability| {
                    !of_world(capability) || policy.access(capability, now) == Access::Absent
                })
    })
}

/// A linker with the capabilities that `policy` names: what was never granted is not
/// there; what is denied or has expired is there and answers so (see [`crate::bridge`]).
/// The inert WASI baseline is there only for a component that imports some of it.
pub(crate) fn linker(
    component: &Component,
    policy: &Policy,
    now: Timestamp,
    enforced: Enforced,
) -> wasmtime::Result<Linker<Context>> {
    let mut linker = Linker::new(component.engine().wasmtime());
    let world = component.world();
    let of_world = of_world(world, enforced);
    for capability in Capability::ALL.into_iter().filter(|one| of_world(*one)) {
        match policy.access(capability, now) {
            Access::Absent => {}
            Access::Linked | Access::Denied(_) => add(&mut linker, capability)?,
        }
    }
    if world == Some(World::ActionHandler) {
        progress::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context)?;
    }
    if component
        .imports()
        .iter()
        .any(|import| import.starts_with("wasi:"))
    {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    }
    Ok(linker)
}

/// Whether a plugin of `world` can have a capability, if its policy grants it.
fn of_world(world: Option<World>, enforced: Enforced) -> impl Fn(Capability) -> bool {
    move |capability| {
        world.is_some_and(|world| world.has(capability)) || !enforced.is_on(Enforcer::Worlds)
    }
}

fn add(linker: &mut Linker<Context>, capability: Capability) -> wasmtime::Result<()> {
    type Own = HasSelf<Context>;
    match capability {
        Capability::Log => log::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Clock => clock::add_to_linker::<_, Own>(linker, |context| context),
        Capability::State => state::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Config => config::add_to_linker::<_, Own>(linker, |context| context),
        Capability::System => system::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Files => files::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Network => network::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Processes => processes::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Sessions => sessions::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Exec => exec::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Wake => wake::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Message => message::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Power => power::add_to_linker::<_, Own>(linker, |context| context),
        Capability::ProcessControl => {
            process_control::add_to_linker::<_, Own>(linker, |context| context)
        }
        Capability::Http => http::add_to_linker::<_, Own>(linker, |context| context),
        Capability::Watch => watch::add_to_linker::<_, Own>(linker, |context| context),
    }
}
