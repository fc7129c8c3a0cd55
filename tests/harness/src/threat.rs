//! The table of threats in `SECURITY.md`, and what `attack.toml` of a guest claims of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Guests by the row of the table that names them: its id, as in `T01`.
pub type Claims = BTreeMap<String, BTreeSet<String>>;

/// Rows of the tables, in order. Only those of threats from plugins name guests.
///
/// # Panics
/// A row is not in the form of its table.
pub fn rows(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let (_, threats) = text
        .split_once("\n## Threats\n")
        .expect("a section `Threats`");
    let (outside, plugins) = threats
        .split_once("\n### From a plugin\n")
        .expect("a part `From a plugin`");
    let cells = |text: &str, columns: usize| -> Vec<Vec<String>> {
        let lines = text.lines().filter(|line| line.starts_with('|'));
        let rows = lines.skip(2).map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
            assert_eq!(
                cells.len(),
                columns,
                "SECURITY.md, a row of {columns} columns: {line}"
            );
            cells
        });
        rows.collect()
    };
    let guests = |cell: &str| {
        let names = cell
            .split(", ")
            .map(|name| name.trim_matches('`').to_owned());
        names.collect()
    };
    let outside = cells(outside, 4)
        .into_iter()
        .map(|row| (row[0].clone(), BTreeSet::new()));
    let plugins = cells(plugins, 5)
        .into_iter()
        .map(|row| (row[0].clone(), guests(&row[4])));
    outside.chain(plugins).collect()
}

/// What the guests of `folder`, `tests/guests`, say: each folder in one of `stages`.
pub fn claims(folder: &Path, stages: &[&str]) -> Claims {
    #[derive(serde::Deserialize)]
    struct Says {
        threat: String,
    }
    let mut claims = Claims::new();
    for stage in stages {
        for entry in fs::read_dir(folder.join(stage)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                continue;
            }
            let text = fs::read_to_string(path.join("attack.toml"));
            let text = text.unwrap_or_else(|_| panic!("{} has no attack.toml", path.display()));
            let says: Says = toml::from_str(&text).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            claims.entry(says.threat).or_default().insert(name);
        }
    }
    claims
}
