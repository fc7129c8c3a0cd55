//! The contract's world `collector`, generated from `wit/`.

wasmtime::component::bindgen!({
    world: "collector",
    path: "../../wit",
    imports: { default: async | trappable },
    exports: { default: async },
});
