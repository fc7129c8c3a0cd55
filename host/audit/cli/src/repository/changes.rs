//! What one version changes, in core's words: the same comparison that blocks a version which
//! may do more.

use bailiwick_audit::{Changes, Subject};
use bailiwick_core::{
    audit::compare_imports,
    policy::{Direction, compare},
};

/// Notes for each version what it changes, compared with the one before it of the same vendor.
pub(crate) fn note(subjects: &mut [Subject]) {
    let key = |subject: &Subject| {
        let release = subject.release.as_ref();
        let release = release.map(|release| (release.role.clone(), release.version.clone()));
        (subject.plugin.clone(), release)
    };
    subjects.sort_by_key(key);
    for at in 1..subjects.len() {
        let (before, rest) = subjects.split_at_mut(at);
        let (Some(old), Some(new)) = (before.last(), rest.first_mut()) else {
            continue;
        };
        let role = |of: &Subject| of.release.as_ref().map(|release| release.role.clone());
        if old.plugin != new.plugin || role(old) != role(new) {
            continue;
        }
        let changes = between(old, new);
        if let Some(release) = &mut new.release {
            release.changes = changes;
        }
    }
}

/// What `new` asks for and may do, compared with `old`; `None` if either is not known.
fn between(old: &Subject, new: &Subject) -> Option<Changes> {
    let from = old.release.as_ref()?.version.clone();
    let mut changes = Changes {
        from,
        wider: Vec::new(),
        narrower: Vec::new(),
        other: Vec::new(),
    };
    let (was, is) = (old.component.as_ref()?, new.component.as_ref()?);
    let imports = compare_imports(
        &was.inspection.component_imports(),
        &is.inspection.component_imports(),
    );
    for change in imports.changes {
        changed(
            &mut changes,
            change.direction,
            format!("{} {}", change.about, change.text),
        );
    }
    for change in compare(old.policy.as_ref()?.policy(), new.policy.as_ref()?.policy()).changes {
        changed(
            &mut changes,
            change.direction,
            format!("{} {}", change.about, change.text),
        );
    }
    Some(changes)
}

fn changed(changes: &mut Changes, direction: Direction, line: String) {
    match direction {
        Direction::Wider => changes.wider.push(line),
        Direction::Narrower => changes.narrower.push(line),
        Direction::Neither => changes.other.push(line),
    }
}
