//! From a guest's text to a component.

use bailiwick_core::release::World;

use super::attack::Attack;
use crate::testing;

/// What every plugin has, for a guest that has none of its own: part of an export's
/// signature, and the function. The attack is `$attack`: it answers 0 once it got what it
/// wanted, and else a digit that says what stopped it.
const PARTS: [(&str, &str); 9] = [
    (
        "(export \"memory\")",
        r#"(memory $memory (export "memory") 2)"#,
    ),
    ("(func $attack", "(func $attack (result i32) (i32.const 0))"),
    (
        "handover@0.1.0#load",
        r#"(data (memory $memory) (i32.const 32) "answer 0")
        (func (export "bailiwick:plugin/handover@0.1.0#load")
            (param i32 i32 i32 i32) (result i32) (local $answer i32)
            (local.set $answer (call $attack))
            (i32.store8 $memory (i32.const 39)
                (i32.add (i32.const 0x30) (local.get $answer)))
            (i32.store $memory (i32.const 16)
                (i32.ne (local.get $answer) (i32.const 0)))
            (i32.store $memory (i32.const 20) (i32.const 1))
            (i32.store $memory (i32.const 24) (i32.const 32))
            (i32.store $memory (i32.const 28) (i32.const 8))
            (i32.const 16))"#,
    ),
    (
        "handover@0.1.0#save",
        r#"(func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
            (i64.store $memory (i32.const 16) (i64.const 0))
            (i32.const 16))"#,
    ),
    (
        "collect@0.1.0#schema",
        r#"(func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32)
            (i64.store $memory (i32.const 16) (i64.const 0))
            (i32.const 16))"#,
    ),
    (
        "collect@0.1.0#collect",
        r#"(func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32)
            (i64.store $memory (i32.const 16) (i64.const 0))
            (i64.store $memory (i32.const 24) (i64.const 0))
            (i32.const 16))"#,
    ),
    (
        "handle@0.1.0#arguments-schema",
        r#"(func (export "bailiwick:plugin/handle@0.1.0#arguments-schema") (result i32)
            (i64.store $memory (i32.const 16) (i64.const 0))
            (i32.const 16))"#,
    ),
    (
        "handle@0.1.0#handle",
        r#"(func (export "bailiwick:plugin/handle@0.1.0#handle")
            (param i32 i32 i32 i32 i64) (result i32)
            (if (call $attack) (then unreachable))
            (i64.store $memory (i32.const 16) (i64.const 0))
            (i64.store $memory (i32.const 24) (i64.const 0))
            (i32.const 16))"#,
    ),
    (
        "cabi_realloc",
        r#"(global $top (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (global.get $top))
            (global.set $top (i32.and (i32.const -16)
                (i32.add (i32.const 15) (i32.add (local.get $at) (local.get 3)))))
            (local.get $at))"#,
    ),
];

/// Compiled, or what the compiler said.
pub(super) async fn build(attack: &Attack) -> Result<Vec<u8>, String> {
    let text = attack.text.trim_end();
    if text.contains("(component") {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        return testing::compiled(&bytes).await;
    }
    let mut module = text.strip_suffix(')').expect("a module").to_owned();
    for (has, part) in PARTS {
        let of_another_world = match attack.world {
            World::ActionHandler => has.starts_with("collect@"),
            _ => has.starts_with("handle@"),
        };
        if !text.contains(has) && !of_another_world {
            module.push_str(part);
        }
    }
    module.push(')');
    let bytes = testing::encode(&module, attack.world.name(), attack.wit.as_deref());
    testing::compiled(&bytes).await
}
