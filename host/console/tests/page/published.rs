//! What the scene's repository has: a version that waits for approval, and one that an approver
//! refused and that devices are still told to run.

use std::fs;

use crate::{
    components::collector,
    scene::{Scene, run},
};

const POLICY: &str = include_str!("../../../core/fixtures/policy.toml");

impl Scene {
    /// Publishes three versions of `inventory`.
    pub(crate) fn publish(&self) {
        let folder = self.path("");
        let repo = |words: &[&str]| run(&folder, &[words, &["--repo"]].concat());
        repo(&["repo", "vendor", "add", "bailiwick"]);
        for (version, imports) in [
            ("0.2.0", &[("log", "log")][..]),
            ("0.2.1", &[("log", "log"), ("sessions", "all")]),
            ("0.3.0", &[("log", "log"), ("network", "links")]),
        ] {
            let file = self.path("component.wasm");
            fs::write(&file, collector(imports)).unwrap();
            let file = file.to_str().unwrap();
            repo(&[
                "repo",
                "publish",
                "--vendor",
                "bailiwick",
                "--plugin",
                "inventory",
                "--version",
                version,
                file,
            ]);
        }
        let policy = self.path("inventory.toml");
        fs::write(&policy, POLICY).unwrap();
        repo(&["repo", "policy", "put", policy.to_str().unwrap()]);
        for (version, group) in [("0.3.0", None), ("0.2.1", Some("branches"))] {
            let mut words = vec![
                "repo",
                "assign",
                "--vendor",
                "bailiwick",
                "--plugin",
                "inventory",
                "--version",
                version,
                "--policy",
                "inventory.toml",
            ];
            words.extend(group.iter().flat_map(|group| ["--group", group]));
            repo(&words);
        }
        let keys = fs::read_dir(self.path("keys")).unwrap();
        let key = keys
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with("policies-") && name.ends_with(".json")
            })
            .unwrap();
        repo(&[
            "policy",
            "refuse",
            "inventory",
            "0.2.1",
            "--key",
            key.to_str().unwrap(),
            "--reason",
            "Who is logged in is no part of an inventory.",
        ]);
    }
}
