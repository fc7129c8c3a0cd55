//! From a guest's text to a component.

use bailiwick_core::release::World;

use super::attack::Attack;
use crate::testing;

/// What every plugin has, for a guest that has none of its own.
const PARTS: &str = include_str!("../../../../../tests/guests/parts.wat");

/// Compiled, or what the compiler said.
pub(super) async fn build(attack: &Attack) -> Result<Vec<u8>, String> {
    let text = attack.text.trim_end();
    if text.contains("(component") {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        return testing::compiled(&bytes).await;
    }
    let mut module = text.strip_suffix(')').expect("a module").to_owned();
    for part in PARTS.split(";; unless ").skip(1) {
        let (has, part) = part.split_once('\n').expect("a line before each part");
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
