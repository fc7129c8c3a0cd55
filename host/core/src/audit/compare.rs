//! What a component asks for more, and what less, than the one before it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ComponentImports, InterfaceImport};
use crate::policy::{Direction, Relation};

/// How the imports of two components differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportComparison {
    /// By the names of what is imported.
    pub changes: Vec<ImportChange>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportChange {
    /// `bailiwick:plugin/files`.
    pub about: String,
    /// Whether the new component asks for more.
    pub direction: Direction,
    /// Goes on after the name.
    pub text: String,
}

impl ImportComparison {
    /// Of all of it.
    pub fn relation(&self) -> Relation {
        Relation::of(self.changes.iter().map(|change| change.direction))
    }
}

/// What is imported of one interface.
#[derive(Default)]
struct Imported<'a> {
    versions: BTreeSet<String>,
    functions: BTreeSet<&'a str>,
}

/// Compares what `new` asks for with what `old` does. What is not in the contract counts, too.
pub fn compare_imports(old: &ComponentImports, new: &ComponentImports) -> ImportComparison {
    let (old_imports, new_imports) = (by_name(old), by_name(new));
    let mut changes = Vec::new();
    let names: BTreeSet<_> = old_imports.keys().chain(new_imports.keys()).collect();
    for name in names {
        let mut change = |direction, text| {
            changes.push(ImportChange {
                about: name.clone(),
                direction,
                text,
            });
        };
        match (old_imports.get(name), new_imports.get(name)) {
            (None, Some(is)) => change(Direction::Wider, format!("is now imported{}", is.list())),
            (Some(was), None) => change(
                Direction::Narrower,
                format!("is no longer imported{}", was.list()),
            ),
            (Some(was), Some(is)) => {
                let more: Vec<_> = is.functions.difference(&was.functions).copied().collect();
                let less: Vec<_> = was.functions.difference(&is.functions).copied().collect();
                if !more.is_empty() {
                    let text = format!("may now also call {}", more.join(", "));
                    change(Direction::Wider, text);
                }
                if !less.is_empty() {
                    let text = format!("does no longer call {}", less.join(", "));
                    change(Direction::Narrower, text);
                }
                if was.versions != is.versions {
                    let list = |versions: &BTreeSet<String>| {
                        versions.iter().cloned().collect::<Vec<_>>().join(", ")
                    };
                    let text = format!("from {} to {}", list(&was.versions), list(&is.versions));
                    change(Direction::Neither, text);
                }
            }
            (None, None) => {}
        }
    }
    ImportComparison { changes }
}

impl Imported<'_> {
    fn list(&self) -> String {
        if self.functions.is_empty() {
            return String::new();
        }
        let functions: Vec<_> = self.functions.iter().copied().collect();
        format!(" ({})", functions.join(", "))
    }
}

fn by_name(of: &ComponentImports) -> BTreeMap<String, Imported<'_>> {
    let mut imports: BTreeMap<String, Imported<'_>> = BTreeMap::new();
    for import in &of.interfaces {
        let name = InterfaceImport {
            version: None,
            ..import.clone()
        };
        let imported = imports.entry(name.to_string()).or_default();
        let version = import.version.as_ref();
        imported
            .versions
            .insert(version.map_or_else(|| "no version".to_owned(), ToString::to_string));
        imported
            .functions
            .extend(import.functions.iter().map(String::as_str));
    }
    for import in &of.wasi {
        let (name, version) = import.split_once('@').unwrap_or((import, "no version"));
        let imported = imports.entry(name.to_owned()).or_default();
        imported.versions.insert(version.to_owned());
    }
    imports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(interfaces: &[(&str, &str, &[&str])], wasi: &[&str]) -> ComponentImports {
        let interface = |(name, version, functions): &(&str, &str, &[&str])| InterfaceImport {
            package: super::super::PACKAGE.to_owned(),
            interface: (*name).to_owned(),
            version: version.parse().ok(),
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        };
        ComponentImports {
            interfaces: interfaces.iter().map(interface).collect(),
            exports: Vec::new(),
            wasi: wasi.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn interfaces_functions_and_wasi_are_compared() {
        let old = imports(
            &[("files", "0.1.0", &["read"]), ("log", "0.1.0", &["log"])],
            &["wasi:io/streams@0.2.0"],
        );
        let new = imports(
            &[
                ("files", "0.1.0", &["read", "list"]),
                ("network", "0.1.0", &["links"]),
            ],
            &["wasi:io/streams@0.2.6", "wasi:random/random@0.2.6"],
        );
        let comparison = compare_imports(&old, &new);
        let told: Vec<_> = comparison
            .changes
            .iter()
            .map(|change| format!("{}: {}", change.about, change.text))
            .collect();
        assert_eq!(
            told,
            [
                "bailiwick:plugin/files: may now also call list",
                "bailiwick:plugin/log: is no longer imported (log)",
                "bailiwick:plugin/network: is now imported (links)",
                "wasi:io/streams: from 0.2.0 to 0.2.6",
                "wasi:random/random: is now imported",
            ]
        );
        assert_eq!(comparison.relation(), Relation::Both);
        assert_eq!(compare_imports(&new, &new).relation(), Relation::Same);
        let none = imports(&[], &[]);
        assert_eq!(compare_imports(&none, &new).relation(), Relation::Wider);
        assert_eq!(compare_imports(&new, &none).relation(), Relation::Narrower);
    }
}
