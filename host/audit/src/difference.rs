//! How two policies differ, or what two components ask for: told line by line, by every program
//! that tells it.

use bailiwick_core::{
    audit::{ComponentImports, compare_imports},
    policy::{
        Change, Comparison, Direction, GrantSource, Place, Policy, Relation, Subject, compare,
    },
};
use serde_json::{Map, Value, json};

use crate::visible;

/// How a new one differs from an old one, with what is wider first.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What changed.
    pub lines: Vec<DifferenceLine>,
    /// All of it together.
    pub relation: Relation,
    /// Of policies: every subject with its relation.
    subjects: Option<Vec<(String, Relation)>>,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct DifferenceLine {
    /// Which way.
    pub direction: Direction,
    /// `files`, `limit memory`, `bailiwick:plugin/network`.
    pub about: String,
    /// Goes on after that.
    pub text: String,
    /// File and line, if it is a grant or a denial.
    pub place: Option<(String, u32)>,
}

impl DifferenceLine {
    /// `wider`, `narrower` or `changed`.
    pub const fn word(&self) -> &'static str {
        match self.direction {
            Direction::Wider => "wider",
            Direction::Narrower => "narrower",
            Direction::Neither => "changed",
        }
    }
}

impl Difference {
    /// Of two policies, each with the name of its file.
    pub fn of_policies(old: (&str, &Policy), new: (&str, &Policy)) -> Self {
        let comparison = compare(old.1, new.1);
        let changes = comparison.changes.iter();
        let lines = changes.map(|change| of_change(change, old.0, new.0));
        let relation = comparison.relation();
        Self::sorted(lines.collect(), relation, Some(subjects(&comparison)))
    }

    /// Of what two components ask for.
    pub fn of_imports(old: &ComponentImports, new: &ComponentImports) -> Self {
        let comparison = compare_imports(old, new);
        let relation = comparison.relation();
        let lines = comparison.changes.into_iter().map(|change| DifferenceLine {
            direction: change.direction,
            about: change.about,
            text: change.text,
            place: None,
        });
        Self::sorted(lines.collect(), relation, None)
    }

    fn sorted(
        mut lines: Vec<DifferenceLine>,
        relation: Relation,
        subjects: Option<Vec<(String, Relation)>>,
    ) -> Self {
        // What needs an approver comes first.
        lines.sort_by_key(|line| match line.direction {
            Direction::Wider => 0,
            Direction::Narrower => 1,
            Direction::Neither => 2,
        });
        Self {
            lines,
            relation,
            subjects,
        }
    }

    /// Whether the new one allows or asks for more in anything.
    pub const fn is_wider(&self) -> bool {
        match self.relation {
            Relation::Same | Relation::Narrower => false,
            Relation::Wider | Relation::Both => true,
        }
    }

    /// A line for each change, and one for what is the same.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let told = format!("{:8}  {}: {}", line.word(), line.about, line.text);
            text.push_str(&visible(&told));
            if let Some((file, line)) = &line.place {
                text.push_str(&format!("\n          {}:{line}", visible(file)));
            }
            text.push('\n');
        }
        if let Some(subjects) = &self.subjects {
            let changed = |name: &String| self.lines.iter().any(|line| line.about == *name);
            let same: Vec<_> = subjects
                .iter()
                .filter(|(name, _)| !changed(name))
                .map(|(name, _)| name.as_str())
                .collect();
            text.push_str(&format!("same      {}\n", same.join(", ")));
        }
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let change = |line: &DifferenceLine| {
            json!({
                "direction": line.word(),
                "about": line.about,
                "text": line.text,
                "file": line.place.as_ref().map(|(file, _)| file),
                "line": line.place.as_ref().map(|(_, line)| line),
            })
        };
        let changes: Vec<_> = self.lines.iter().map(change).collect();
        let mut object = Map::new();
        object.insert("relation".to_owned(), json!(self.relation.to_string()));
        object.insert("changes".to_owned(), json!(changes));
        if let Some(subjects) = &self.subjects {
            let subjects = subjects
                .iter()
                .map(|(name, relation)| (name.clone(), json!(relation.to_string())));
            object.insert("subjects".to_owned(), Value::Object(subjects.collect()));
        }
        Value::Object(object)
    }
}

fn of_change(change: &Change, old: &str, new: &str) -> DifferenceLine {
    let place = change.grant.map(|place| {
        let (file, source) = match place {
            Place::Old(source) => (old, source),
            Place::New(source) => (new, source),
        };
        let (GrantSource::Policy { line } | GrantSource::Ceiling { line }) = source;
        (file.to_owned(), line)
    });
    DifferenceLine {
        direction: change.direction,
        about: change.about.to_string(),
        text: change.text.clone(),
        place,
    }
}

fn subjects(comparison: &Comparison) -> Vec<(String, Relation)> {
    Subject::all()
        .map(|subject| (subject.to_string(), comparison.relation_of(subject)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wider_is_told_first_with_its_place() {
        let text = include_str!("../../core/fixtures/policy.toml");
        let policy = |text: &str| Policy::parse("p.toml", text).unwrap();
        let old = policy(text);
        let new = text.replace("memory = \"16 MiB\"", "memory = \"4 MiB\"");
        let new = format!(
            "{new}\n[[grant]]\ncapability = \"files\"\neffect = \"allow\"\n\
             roots = [{{ root = \"/srv\", paths = [\"x\"] }}]\n\
             reason = \"A test.\"\napproved-by = \"tests\"\nrisk = \"low\"\n"
        );
        let new = policy(&new);
        let difference = Difference::of_policies(("old.toml", &old), ("new.toml", &new));
        assert!(difference.is_wider());
        let told = difference.text();
        let (first, rest) = told.split_once('\n').unwrap();
        assert!(first.starts_with("wider     files: "), "{told}");
        assert!(rest.trim_start().starts_with("new.toml:"), "{told}");
        assert!(told.contains("narrower  limit memory: "), "{told}");
        assert!(!Difference::of_policies(("a", &old), ("b", &old)).is_wider());
    }
}
