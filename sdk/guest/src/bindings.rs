//! What wit-bindgen generates from `wit/`. The only unsafe code of the guest's side.

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
    world: "collector",
    runtime_path: "::bailiwick_sdk::rt::wit_bindgen::rt",
    default_bindings_module: "::bailiwick_sdk::rt",
    export_macro_name: "export_collector",
    pub_export_macro: true,
    additional_derives: [Clone, PartialEq, Eq],
});
