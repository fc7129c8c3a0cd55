//! The policies of this repository grant what its plugins ask for.

use std::path::Path;

use bailiwick_core::{
    policy::{Access, Capability, Policy},
    time::Timestamp,
};
use cargo_bailiwick::plugins;

#[test]
fn every_plugin_is_granted_what_it_asks_for() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plugins = plugins(&workspace).unwrap();
    assert!(!plugins.is_empty());
    let now = Timestamp::from_ms(1_780_000_000_000);
    for plugin in plugins {
        let name = &plugin.manifest.name;
        // A guest of tests has its policy beside it.
        let beside = plugin.folder.join("policy.toml");
        let file = if beside.is_file() {
            beside
        } else {
            workspace.join(format!("policies/{name}.toml"))
        };
        let policy = Policy::parse(
            &format!("{name}.toml"),
            &std::fs::read_to_string(file).unwrap(),
        )
        .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (&policy.plugin, &policy.vendor),
            (name, &plugin.manifest.vendor)
        );
        assert!(policy.versions.matches(&plugin.manifest.version), "{name}");
        let files = policy.files();
        for ask in &plugin.manifest.asks {
            let capability = Capability::named(&ask.capability).unwrap();
            assert!(
                matches!(policy.access(capability, now), Access::Linked),
                "{name}: {}",
                ask.capability
            );
            for path in &ask.paths {
                // One path that the pattern stands for.
                let path = path.replace("**", "a/b").replace('*', "a");
                assert!(files.file(&path, now).is_ok(), "{name}: {path}");
            }
        }
    }
}
