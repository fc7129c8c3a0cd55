//! `bailiwick-audit policy diff`.

use std::path::Path;

use anyhow::bail;
use bailiwick_audit::visible;
use bailiwick_core::{
    audit::compare_imports,
    policy::{Change, Comparison, Direction, GrantSource, Place, Relation, Subject, compare},
};
use serde_json::{Map, Value, json};

use super::{
    Answer, Code,
    read::{Document, document},
};

/// One difference, of policies or of imports.
struct Line {
    direction: Direction,
    about: String,
    text: String,
    /// File and line.
    place: Option<(String, u32)>,
}

/// Compares two policies or two components.
///
/// # Errors
/// A file can't be read, or they are not of one kind.
pub(super) fn diff(old: &Path, new: &Path) -> anyhow::Result<Answer> {
    Ok(match (document(old)?, document(new)?) {
        (Document::Policy(was), Document::Policy(is)) => {
            let comparison = compare(&was, &is);
            let lines = comparison.changes.iter();
            let lines = lines.map(|change| of_change(change, old, new)).collect();
            answer(lines, comparison.relation(), Some(subjects(&comparison)))
        }
        (Document::Component(was), Document::Component(is)) => {
            let comparison = compare_imports(&was, &is);
            let relation = comparison.relation();
            let lines = comparison.changes.into_iter().map(|change| Line {
                direction: change.direction,
                about: change.about,
                text: change.text,
                place: None,
            });
            answer(lines.collect(), relation, None)
        }
        (Document::Policy(_), Document::Component(_))
        | (Document::Component(_), Document::Policy(_)) => bail!(
            "{} and {} are a policy and a component: name two of one kind, or hold the component \
             against the policy with `bailiwick-audit --policy`",
            old.display(),
            new.display()
        ),
    })
}

fn of_change(change: &Change, old: &Path, new: &Path) -> Line {
    let place = change.grant.map(|place| {
        let (file, source) = match place {
            Place::Old(source) => (old, source),
            Place::New(source) => (new, source),
        };
        let (GrantSource::Policy { line } | GrantSource::Ceiling { line }) = source;
        (file.display().to_string(), line)
    });
    Line {
        direction: change.direction,
        about: change.about.to_string(),
        text: change.text.clone(),
        place,
    }
}

/// Every subject with its relation.
fn subjects(comparison: &Comparison) -> Vec<(String, Relation)> {
    Subject::all()
        .map(|subject| (subject.to_string(), comparison.relation_of(subject)))
        .collect()
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Wider => "wider",
        Direction::Narrower => "narrower",
        Direction::Neither => "changed",
    }
}

fn answer(
    mut lines: Vec<Line>,
    relation: Relation,
    subjects: Option<Vec<(String, Relation)>>,
) -> Answer {
    // What needs an approver comes first.
    lines.sort_by_key(|line| match line.direction {
        Direction::Wider => 0,
        Direction::Narrower => 1,
        Direction::Neither => 2,
    });
    let code = match relation {
        Relation::Same | Relation::Narrower => Code::Good,
        Relation::Wider | Relation::Both => Code::Bad,
    };
    Answer {
        text: text(&lines, relation, subjects.as_deref()),
        json: object(&lines, relation, subjects),
        code,
    }
}

fn text(lines: &[Line], relation: Relation, subjects: Option<&[(String, Relation)]>) -> String {
    let mut text = String::new();
    for line in lines {
        let word = word(line.direction);
        let told = format!("{word:8}  {}: {}", line.about, line.text);
        text.push_str(&visible(&told));
        if let Some((file, line)) = &line.place {
            text.push_str(&format!("\n          {}:{line}", visible(file)));
        }
        text.push('\n');
    }
    if let Some(subjects) = subjects {
        let changed = |name: &String| lines.iter().any(|line| line.about == *name);
        let same: Vec<_> = subjects
            .iter()
            .filter(|(name, _)| !changed(name))
            .map(|(name, _)| name.as_str())
            .collect();
        text.push_str(&format!("same      {}\n", same.join(", ")));
    }
    text.push_str(match relation {
        Relation::Same => "NEW is the same as OLD in all that it allows.\n",
        Relation::Narrower => "NEW is narrower than OLD.\n",
        Relation::Wider => "NEW is wider than OLD: an approver has to sign what is wider.\n",
        Relation::Both => {
            "NEW is wider than OLD in some and narrower in other things: an approver has to sign \
             what is wider.\n"
        }
    });
    text
}

fn object(lines: &[Line], relation: Relation, subjects: Option<Vec<(String, Relation)>>) -> Value {
    let change = |line: &Line| {
        json!({
            "direction": word(line.direction),
            "about": line.about,
            "text": line.text,
            "file": line.place.as_ref().map(|(file, _)| file),
            "line": line.place.as_ref().map(|(_, line)| line),
        })
    };
    let changes: Vec<_> = lines.iter().map(change).collect();
    let mut object = Map::new();
    object.insert("relation".to_owned(), json!(relation.to_string()));
    object.insert("changes".to_owned(), json!(changes));
    if let Some(subjects) = subjects {
        let subjects = subjects
            .into_iter()
            .map(|(name, relation)| (name, json!(relation.to_string())));
        object.insert("subjects".to_owned(), Value::Object(subjects.collect()));
    }
    Value::Object(object)
}
