//! Components and modules that are valid, as wasm-smith makes them from any bytes: none is
//! refused as damaged, and damage done to one is survived.

#![no_main]

use bailiwick_audit::{inspect, render};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};
use wasm_smith::{Component, Config, Module};

fn generated(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = Config {
        max_type_size: 100,
        max_components: 3,
        max_modules: 3,
        ..Config::default()
    };
    if input.arbitrary()? {
        return Ok(Component::new(config, input)?.to_bytes());
    }
    Ok(Module::new(config, input)?.to_bytes())
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let Ok(mut component) = generated(&mut input) else {
        return;
    };
    if let Ok(inspection) = inspect(&component) {
        let _ = render(&inspection, None);
    }
    while let Ok((at, value)) = input.arbitrary::<(u32, u8)>() {
        if input.is_empty() {
            break;
        }
        let length = component.len().max(1);
        if let Some(byte) = component.get_mut(at as usize % length) {
            *byte = value;
        }
        let _ = inspect(&component);
    }
});
