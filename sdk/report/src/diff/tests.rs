use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    arbitrary::snapshots,
    rows::Encoder,
    schema::{Field, Kind, Privacy},
};

fn schema() -> Arc<Schema> {
    let field = |name, kind| Field::new(name, kind, "", 0, Privacy::None).unwrap();
    let package = vec![
        field("name", Kind::Text),
        field("version", Kind::Text),
        field("size", Kind::Unsigned),
    ];
    let package = Collection::new("package", 1, package).unwrap();
    let system = Collection::new("system", 0, vec![field("kernel", Kind::Text)]).unwrap();
    Arc::new(Schema::new(vec![package, system]).unwrap())
}

fn snapshot(packages: &[(&str, Option<&str>, Option<u64>)], kernel: Option<&str>) -> Snapshot {
    let schema = schema();
    let mut encoder = Encoder::new(&schema);
    for (name, version, size) in packages {
        let values = [
            Some((*name).into()),
            version.map(Value::from),
            size.map(Value::from),
        ];
        encoder.row(0, &values).unwrap();
    }
    if let Some(kernel) = kernel {
        encoder.row(1, &[Some(kernel.into())]).unwrap();
    }
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

#[test]
fn each_kind_of_change_is_told() {
    let old = snapshot(
        &[("a", Some("1"), Some(5)), ("b", Some("1"), None)],
        Some("6.1"),
    );
    let new = snapshot(&[("a", Some("2"), None), ("c", None, Some(7))], Some("6.2"));
    let diff = Diff::between(&old, &new).unwrap();
    assert_eq!(diff.counts(), (1, 2, 1));
    let changes: Vec<(Vec<_>, Vec<_>)> = diff
        .changed(0)
        .map(|change| (change.key().collect(), change.fields().collect()))
        .collect();
    let expected = (
        vec![Value::Text("a")],
        vec![(1, Some(Value::Text("2"))), (2, None)],
    );
    assert_eq!(changes, [expected]);
    let added: Vec<Vec<_>> = diff.added(0).map(|row| row.values().collect()).collect();
    assert_eq!(
        added,
        [[Some(Value::Text("c")), None, Some(Value::Unsigned(7))]]
    );
    let removed: Vec<Vec<_>> = diff.removed(0).map(|row| row.values().collect()).collect();
    assert_eq!(removed, [[Some(Value::Text("b")), None, None]]);
    let kernel: Vec<_> = diff.changed(1).flat_map(|change| change.fields()).collect();
    assert_eq!(kernel, [(0, Some(Value::Text("6.2")))]);
    assert_eq!(diff.apply(&old).unwrap(), new);
}

#[test]
fn same_rows_make_an_empty_diff() {
    let one = snapshot(&[("a", Some("1"), None)], None);
    assert!(Diff::between(&one, &one.clone()).unwrap().is_empty());
}

#[test]
fn other_schemas_are_not_compared() {
    let one = snapshot(&[], None);
    let field = Field::new("f", Kind::Text, "", 0, Privacy::None).unwrap();
    let other = Schema::new(vec![Collection::new("c", 0, vec![field]).unwrap()]).unwrap();
    let other = Snapshot::empty(Arc::new(other));
    assert_eq!(Diff::between(&one, &other), Err(SchemasDiffer));
    let diff = Diff::between(&one, &one).unwrap();
    assert_eq!(diff.apply(&other), Err(ApplyError::Schema));
}

#[test]
fn a_diff_of_another_base_is_refused() {
    let none = snapshot(&[], None);
    let one = snapshot(&[("b", Some("1"), None)], None);
    let two = snapshot(&[("b", Some("2"), None)], None);
    let rest = snapshot(&[("a", None, None), ("c", None, None)], None);
    let apply = |old, new, base| Diff::between(old, new).unwrap().apply(base).unwrap_err();
    let package = || "package".to_owned();
    assert_eq!(
        apply(&none, &one, &two),
        ApplyError::AddedIsThere(package())
    );
    for base in [&none, &rest] {
        assert_eq!(
            apply(&one, &two, base),
            ApplyError::ChangedIsMissing(package())
        );
        assert_eq!(
            apply(&one, &none, base),
            ApplyError::RemovedIsMissing(package())
        );
    }
}

proptest! {
    #[test]
    fn applying_the_diff_gives_the_new_snapshot(snapshots in snapshots(2)) {
        let [old, new] = &snapshots[..] else { unreachable!() };
        let diff = Diff::between(old, new).unwrap();
        prop_assert_eq!(&diff.apply(old).unwrap(), new);
        prop_assert_eq!(diff.is_empty(), old == new);
    }

    #[test]
    fn applying_to_any_base_never_panics(snapshots in snapshots(3)) {
        let [old, new, base] = &snapshots[..] else { unreachable!() };
        let _ = Diff::between(old, new).unwrap().apply(base);
    }
}
