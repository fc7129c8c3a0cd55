//! From a core module to a component.

use wit_component::ComponentEncoder;

/// The preamble of a component (Component Model, binary format: version 0x0d, layer 1).
/// Toolchains for wasip2 write components themselves.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// `module` as a component, validated and without names for debuggers. What is a
/// component already is returned as it is.
///
/// # Errors
/// What wit-component says: as a rule that the module has no description of its world, or
/// imports what no world has.
pub fn wrap(module: Vec<u8>) -> Result<Vec<u8>, String> {
    if module.starts_with(&COMPONENT) {
        return Ok(module);
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        // The alternate form has the chain of causes in one line.
        .map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_stays_as_it_is() {
        assert_eq!(
            wrap(COMPONENT.to_vec()).as_deref(),
            Ok(COMPONENT.as_slice())
        );
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(wrap(b"plugin".to_vec()).is_err());
    }
}
