//! The table of threats in `SECURITY.md`, and what `attack.toml` of a guest claims of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Guests by the id of the row that names them.
pub type Claims = BTreeMap<String, BTreeSet<String>>;

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As in `T01`.
    pub id: String,
    /// Files and folders that hold what stops it, from the workspace.
    pub places: BTreeSet<String>,
    /// Guests that try it; only one of the tables names them.
    pub guests: BTreeSet<String>,
}

/// Rows of the tables, in order.
///
/// # Panics
/// A row is not in the form of its table.
pub fn rows(text: &str) -> Vec<Row> {
    let (_, threats) = text
        .split_once("\n## Threats\n")
        .expect("a section `Threats`");
    let mut columns = 0;
    let mut rows = Vec::new();
    for line in threats.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match cells[0] {
            "id" => columns = cells.len(),
            rule if rule.starts_with("---") => {}
            id => {
                assert_eq!(
                    cells.len(),
                    columns,
                    "SECURITY.md, a row of {columns} columns: {line}"
                );
                let guests = cells.get(4).copied().map(names);
                assert!(
                    guests.as_ref().is_none_or(|guests| !guests.is_empty()),
                    "SECURITY.md, no guest: {line}"
                );
                rows.push(Row {
                    id: id.to_owned(),
                    places: names(cells[3]),
                    guests: guests.unwrap_or_default(),
                });
            }
        }
    }
    rows
}

/// What stands between grave accents.
fn names(cell: &str) -> BTreeSet<String> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
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
