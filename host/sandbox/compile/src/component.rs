//! From the bytes of a component to those of an artifact.

use bailiwick_core::bytes::ByteCount;
use std::io::Read;
use wasmtime::{Config, Engine};

use crate::exit::Failure;

/// The first eight bytes of a component: magic, version 13, layer 1.
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>
const COMPONENT: &[u8; 8] = b"\0asm\x0d\0\x01\0";

/// Reads a component to its end, at most `at_most` bytes.
///
/// # Errors
///
/// [`Failure::Refused`] if it is longer, [`Failure::Stream`] if reading fails.
pub fn read(input: impl Read, at_most: ByteCount) -> Result<Vec<u8>, Failure> {
    let mut component = Vec::new();
    input
        .take(at_most.get().saturating_add(1))
        .read_to_end(&mut component)
        .map_err(|reason| match reason.kind() {
            std::io::ErrorKind::OutOfMemory => Failure::OutOfMemory,
            _ => Failure::Stream {
                stream: "input",
                reason,
            },
        })?;
    if component.len() as u64 > at_most.get() {
        return Err(Failure::Refused(format!(
            "the component is longer than {at_most}"
        )));
    }
    Ok(component)
}

/// Compiles a component in its binary form.
///
/// # Errors
///
/// [`Failure::Refused`] with the compiler's reason. Text is refused: the compiler would
/// read it, but nothing else on the device audits it.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Failure> {
    if !component.starts_with(COMPONENT) {
        let what = if component.is_empty() {
            "it is empty"
        } else if component.starts_with(&COMPONENT[..4]) {
            "it is a core module or of another version"
        } else {
            "it is not WebAssembly"
        };
        return Err(Failure::Refused(format!("not a component: {what}")));
    }
    precompile(component)
}

/// Compiles one of our own components from its text form.
///
/// # Errors
///
/// [`Failure::Refused`] with the compiler's reason.
pub fn compile_text(text: &str) -> Result<Vec<u8>, Failure> {
    precompile(text.as_bytes())
}

/// The host's settings, and no tables that nobody reads: an artifact is in memory while its
/// plugin runs. They tell which part of a component an address belongs to, and on Linux how
/// to unwind through a guest.
fn config() -> Config {
    let mut config = bailiwick_sandbox::engine::config();
    config
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows));
    config
}

fn precompile(component: &[u8]) -> Result<Vec<u8>, Failure> {
    Engine::new(&config())
        .and_then(|engine| engine.precompile_component(component))
        .map_err(|error| {
            if error.chain().any(is_out_of_memory) {
                return Failure::OutOfMemory;
            }
            Failure::Refused(format!("{error:#}"))
        })
}

fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_text_modules_and_nothing_by_name() {
        for (bytes, named) in [
            (&b""[..], "empty"),
            (b"(component)", "not WebAssembly"),
            (b"\0asm\x01\0\0\0", "core module"),
        ] {
            let error = compile(bytes).expect_err(named).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_empty_component_compiles_to_the_same_artifact_each_time() {
        let first = compile(COMPONENT).expect("an empty component");
        assert!(!first.is_empty());
        assert_eq!(first, compile(COMPONENT).expect("an empty component"));
    }

    #[test]
    fn reads_up_to_the_bound_and_no_further() {
        assert_eq!(
            read(&[7; 16][..], ByteCount::new(16))
                .expect("16 bytes")
                .len(),
            16
        );
        let error = read(&[7; 17][..], ByteCount::new(16)).expect_err("17 bytes");
        assert_eq!(error.to_string(), "the component is longer than 16 B");
    }
}
