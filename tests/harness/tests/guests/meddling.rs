//! The guest that scenarios give orders to: what it imports is what its policy grants, to the
//! last; and what of it only handlers may have, it could not have as a collector.

use bailiwick_audit::inspect;
use bailiwick_core::{
    audit::{Finding, verdict},
    time::Timestamp,
};
use bailiwick_harness::guest::{Guest, Target, Told};

const TODAY: Timestamp = Timestamp::from_ms(1_795_392_000_000);

pub(crate) async fn run(name: &str) {
    let guest = Guest::build(name, Target::Unknown);
    let policy = guest.read_policy();
    let mut imports = inspect(&guest.bytes()).unwrap().component_imports();
    let as_it_is = verdict(&imports, &policy, TODAY).findings;
    let is_granted = |finding: &Finding| matches!(finding, Finding::Granted { .. });
    assert!(as_it_is.iter().all(is_granted), "{as_it_is:?}");

    imports.exports = vec!["bailiwick:plugin/collect@0.1.0".to_owned()];
    let as_collector = verdict(&imports, &policy, TODAY);
    let refused: Vec<String> = as_collector.refusals().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    for capability in ["process-control", "message", "power"] {
        let names_it = |refusal: &&String| refusal.contains(capability);
        assert_eq!(refused.iter().filter(names_it).count(), 1, "{refused:?}");
    }

    // In the real sandbox it begins, and tells what it takes.
    match guest.run().await.told {
        Told::Arguments(schema) => assert!(schema.contains("Meddle"), "{schema}"),
        rows @ Told::Rows(_) => panic!("{rows:?}"),
    }
}
