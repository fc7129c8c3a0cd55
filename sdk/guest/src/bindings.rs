//! What wit-bindgen generates from `wit/`. The only unsafe code of the guest's side.
//!
//! Each exported interface is generated alone, as a world of its own: two worlds of the
//! contract share `handover`, and the macros that export an interface must be there once.
//! A plugin's macro exports the parts of its world, and the component has their sum.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package bailiwick:sdk;
        world collect-part {
            include bailiwick:plugin/base@0.1.0;
            export bailiwick:plugin/collect@0.1.0;
        }
    ",
    world: "bailiwick:sdk/collect-part",
    runtime_path: "::bailiwick_sdk::rt::wit_bindgen::rt",
    default_bindings_module: "::bailiwick_sdk::rt",
    export_macro_name: "export_collect",
    pub_export_macro: true,
    additional_derives: [Clone, PartialEq, Eq],
    generate_all,
});

pub mod handover_part {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package bailiwick:sdk;
            world handover-part {
                export bailiwick:plugin/handover@0.1.0;
            }
        ",
        world: "bailiwick:sdk/handover-part",
        runtime_path: "::bailiwick_sdk::rt::wit_bindgen::rt",
        default_bindings_module: "::bailiwick_sdk::rt::handover_part",
        export_macro_name: "export_handover",
        pub_export_macro: true,
        additional_derives: [Clone, PartialEq, Eq],
        generate_all,
    });
}

pub mod handle_part {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package bailiwick:sdk;
            world handle-part {
                import bailiwick:plugin/progress@0.1.0;
                import bailiwick:plugin/process-control@0.1.0;
                import bailiwick:plugin/message@0.1.0;
                import bailiwick:plugin/power@0.1.0;
                export bailiwick:plugin/handle@0.1.0;
            }
        ",
        world: "bailiwick:sdk/handle-part",
        runtime_path: "::bailiwick_sdk::rt::wit_bindgen::rt",
        default_bindings_module: "::bailiwick_sdk::rt::handle_part",
        export_macro_name: "export_handle",
        pub_export_macro: true,
        additional_derives: [Clone, PartialEq, Eq],
        generate_all,
    });
}
