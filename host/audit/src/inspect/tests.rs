use bailiwick_core::{
    audit::{Finding, PACKAGE, verdict},
    policy::Policy,
    time::Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::render;

/// A component as a plugin is built: one module with a memory, two interfaces, one of WASI.
const PLUGIN: &str = r#"
(component
  (import "bailiwick:plugin/types@0.1.0" (instance $types
    (type $bytes u64)
    (export "byte-count" (type (eq $bytes)))))
  (import "bailiwick:plugin/files@0.1.0" (instance $files
    (export "handle" (type (sub resource)))
    (export "read" (func (param "path" string) (result (list u8))))
    (export "list" (func (param "path" string)))))
  (import "wasi:cli/environment@0.2.6" (instance $wasi
    (export "get-arguments" (func))))
  (core module $core
    (memory (export "memory") 17 64)
    (func (export "schema"))
    (func (export "collect")))
  (core instance $core (instantiate $core))
  (func $schema (canon lift (core func $core "schema")))
  (func $collect (canon lift (core func $core "collect")))
  (instance $collector
    (export "schema" (func $schema))
    (export "collect" (func $collect)))
  (export "bailiwick:plugin/collect@0.1.0" (instance $collector))
  (@producers (language "Rust" "2024") (processed-by "tool\u{1b}[31m" "1\n2"))
)
"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

fn inspected(text: &str) -> Inspection {
    inspect(&component(text)).expect("a valid component")
}

fn refusal(text: &str) -> String {
    inspect(&component(text)).expect_err(text).to_string()
}

#[test]
fn lists_imports_to_the_function_and_exports() {
    let inspection = inspected(PLUGIN);
    let names = |interfaces: &[crate::Interface]| -> Vec<_> {
        interfaces
            .iter()
            .map(|interface| (interface.name.clone(), interface.functions.join(" ")))
            .collect()
    };
    let pair = |name: &str, functions: &str| (name.to_owned(), functions.to_owned());
    assert_eq!(
        names(&inspection.imports),
        [
            pair("bailiwick:plugin/types@0.1.0", ""),
            pair("bailiwick:plugin/files@0.1.0", "read list"),
            pair("wasi:cli/environment@0.2.6", "get-arguments"),
        ]
    );
    assert_eq!(
        names(&inspection.exports),
        [pair("bailiwick:plugin/collect@0.1.0", "schema collect")]
    );
    let files = &inspection.imports[1];
    assert_eq!(
        (files.package.as_str(), files.interface.as_str()),
        (PACKAGE, "files")
    );
    assert_eq!(files.version, Some(semver::Version::new(0, 1, 0)));
}

#[test]
fn counts_modules_and_memories() {
    let inspection = inspected(PLUGIN);
    let [module] = &inspection.modules[..] else {
        panic!("{inspection:?}")
    };
    assert_eq!(
        module.memories,
        [Memory {
            minimum: 17 << 16,
            maximum: Some(64 << 16)
        }]
    );
    assert_eq!(inspection.initial_memory(), 17 << 16);
    assert!(module.bytes > 0 && module.bytes < inspection.bytes);
}

#[test]
fn every_memory_of_every_module_at_every_depth_is_counted() {
    let inspection = inspected(
        r"(component
            (core module (memory 1) (memory 2 3))
            (component (core module (memory 4)) (component))
            (core module))",
    );
    let memories: Vec<_> = inspection
        .modules
        .iter()
        .map(|module| {
            module
                .memories
                .iter()
                .map(|memory| memory.minimum >> 16)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(memories, [vec![1, 2], vec![4], vec![]]);
    assert_eq!(inspection.nested_components, 2);
}

#[test]
fn imports_of_nested_components_are_not_the_components_own() {
    let inspection = inspected(r#"(component (component (import "a:b/c" (instance))))"#);
    assert_eq!(inspection.imports, []);
}

#[test]
fn a_function_that_stands_alone_is_in_no_package() {
    let inspection = inspected(r#"(component (import "run" (func)))"#);
    let import = &inspection.component_imports().interfaces[0];
    assert_eq!(
        (import.package.as_str(), import.interface.as_str()),
        ("", "run")
    );
    assert_eq!(import.functions, ["run"]);
}

#[test]
fn the_verdict_sees_what_the_component_imports() {
    let text = include_str!("../../../../policies/inventory.toml");
    let policy = Policy::parse("inventory.toml", text).expect("the policy of inventory");
    let imports = inspected(PLUGIN).component_imports();
    let judged = verdict(&imports, &policy, Timestamp::EPOCH);
    assert!(judged.accepted(), "{judged:?}");
    assert!(judged.findings.contains(&Finding::WasiBaseline {
        import: "wasi:cli/environment@0.2.6".to_owned()
    }));
    let more = PLUGIN.replace("plugin/files", "plugin/state");
    let judged = verdict(
        &inspected(&more).component_imports(),
        &policy,
        Timestamp::EPOCH,
    );
    assert_eq!(judged.refusals().count(), 1, "{judged:?}");
}

#[test]
fn the_text_escapes_what_the_component_chose() {
    let inspection = inspected(PLUGIN);
    let text = render(&inspection, None);
    assert!(
        text.contains("  bailiwick:plugin/files@0.1.0\n    read\n    list\n"),
        "{text}"
    );
    assert!(
        text.contains("Memory     1088 KiB at the start, at most 4 MiB"),
        "{text}"
    );
    assert!(
        text.contains(r"Made with  tool\u{1b}[31m 1\n2 (processed-by)"),
        "{text}"
    );
}

#[test]
fn refuses_what_is_no_component_by_name() {
    let refusal = |bytes: &[u8]| inspect(bytes).expect_err("refused").to_string();
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(b"(component)").contains("not WebAssembly"));
    assert!(refusal(&component("(module)")).contains("core module"));
    assert!(refusal(b"\0asm\x0e\0\x01\0").contains("another version"));
    let cut = &component(PLUGIN)[..200];
    assert!(refusal(cut).contains("at byte"), "{}", refusal(cut));
    let large = vec![0; usize::try_from(LARGEST.get()).expect("64 bits") + 1];
    assert!(refusal(&large).contains("at most 64 MiB"));
}

#[test]
fn refuses_features_that_the_engine_leaves_off() {
    assert!(refusal("(component (core module (memory i64 1)))").contains("memory64"));
    assert!(refusal("(component (core module (memory 1 1 shared)))").contains("threads"));
    assert!(refusal("(component (core module (type (struct))))").contains("gc"));
}

#[test]
fn function_bodies_are_validated_where_that_is_asked_for() {
    let mut bytes = component("(component (core module (func (result i32) i32.const 7)))");
    let at = bytes
        .windows(2)
        .position(|pair| pair == [0x41, 7])
        .expect("i32.const 7");
    bytes[at] = 0x42; // i64.const
    let read = inspect(&bytes);
    #[cfg(feature = "bodies")]
    {
        let error = read.expect_err("a type error").to_string();
        assert!(error.contains("type mismatch"), "{error}");
    }
    #[cfg(not(feature = "bodies"))]
    read.expect("it is left to the compiler");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
    assert!(inspect(&component(&nested(DEEPEST))).is_ok());
    let error = inspect(&component(&nested(DEEPEST + 1))).expect_err("too deep");
    assert!(matches!(error, AuditError::TooDeep { .. }), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = inspect(&bytes);
        let _ = inspect(&[b"\0asm\x0d\0\x01\0", &bytes[..]].concat());
    }

    /// Whatever is still valid after the change is also rendered.
    #[test]
    fn no_change_of_a_valid_component_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = component(PLUGIN);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(inspection) = inspect(&bytes) {
            let text = render(&inspection, None);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
