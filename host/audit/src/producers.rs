//! The `producers` section: what tools say of themselves.

use wasmparser::ProducersSectionReader;

use crate::Producer;

/// Entries that are kept of one component.
const MOST: usize = 64;

/// Characters that are kept of one text.
const LONGEST: usize = 128;

/// Adds what is new. A section that is malformed is ignored from there on: by the
/// specification a custom section can't make a module invalid.
pub(crate) fn collect(section: ProducersSectionReader<'_>, into: &mut Vec<Producer>) {
    for field in section.into_iter().map_while(Result::ok) {
        for value in field.values.into_iter().map_while(Result::ok) {
            let producer = Producer {
                role: cut(field.name),
                tool: cut(value.name),
                version: cut(value.version),
            };
            if into.len() < MOST && !into.contains(&producer) {
                into.push(producer);
            }
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
