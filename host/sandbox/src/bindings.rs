//! The contract's worlds, generated from `wit/`. What both import is generated once, with
//! the world `collector`.

wasmtime::component::bindgen!({
    world: "collector",
    path: "../../wit",
    imports: { default: async | trappable },
    exports: { default: async },
});

pub(crate) mod action_handler {
    wasmtime::component::bindgen!({
        world: "action-handler",
        path: "../../wit",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "bailiwick:plugin/types": crate::bindings::bailiwick::plugin::types,
            "bailiwick:plugin/log": crate::bindings::bailiwick::plugin::log,
            "bailiwick:plugin/clock": crate::bindings::bailiwick::plugin::clock,
            "bailiwick:plugin/state": crate::bindings::bailiwick::plugin::state,
            "bailiwick:plugin/config": crate::bindings::bailiwick::plugin::config,
            "bailiwick:plugin/system": crate::bindings::bailiwick::plugin::system,
            "bailiwick:plugin/files": crate::bindings::bailiwick::plugin::files,
            "bailiwick:plugin/network": crate::bindings::bailiwick::plugin::network,
            "bailiwick:plugin/processes": crate::bindings::bailiwick::plugin::processes,
            "bailiwick:plugin/sessions": crate::bindings::bailiwick::plugin::sessions,
            "bailiwick:plugin/exec": crate::bindings::bailiwick::plugin::exec,
            "bailiwick:plugin/wake": crate::bindings::bailiwick::plugin::wake,
            "bailiwick:plugin/http": crate::bindings::bailiwick::plugin::http,
            "bailiwick:plugin/watch": crate::bindings::bailiwick::plugin::watch,
        },
    });
}
