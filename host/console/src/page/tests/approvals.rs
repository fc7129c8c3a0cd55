//! What is told of a version that asks for more than its policy grants.

use std::fs;

use bailiwick_core::release::World;
use bailiwick_repository::{Assign, Publish, Repository};
use semver::Version;
use serde_json::json;

use super::{super::Role, desk::Desk};
use crate::clock::now;

const POLICY: &str = include_str!("../../../../core/fixtures/policy.toml");

/// A component that imports one function of each of these interfaces.
fn component(imports: &[(&str, &str)]) -> Vec<u8> {
    let each = imports.iter().map(|(interface, function)| {
        format!(
            "(import \"bailiwick:plugin/{interface}@0.1.0\" \
             (instance (export \"{function}\" (func))))"
        )
    });
    wat::parse_str(format!("(component {})", each.collect::<String>())).unwrap()
}

pub(super) struct Desks {
    pub(super) desk: Desk,
    pub(super) repository: Repository,
}

impl Desks {
    /// A desk whose repository has `inventory` 0.1.0 and 0.1.1, and tells devices to run that.
    pub(super) async fn open() -> Self {
        let desk = Desk::open().await;
        let repository = Repository::open(desk.folder.path()).unwrap();
        let vendor = "bailiwick".parse().unwrap();
        repository.add_vendor(&vendor, now()).unwrap();
        for (version, imports) in [
            ("0.1.0", &[("log", "log")][..]),
            ("0.1.1", &[("log", "log"), ("sessions", "all")]),
        ] {
            let new = Publish {
                vendor: &vendor,
                plugin: &"inventory".parse().unwrap(),
                version: &version.parse().unwrap(),
                world: World::Collector,
                contract: &bailiwick_core::CONTRACT,
                minimum_host: &Version::new(0, 1, 0),
                component: &component(imports),
            };
            repository.publish(&new, now()).unwrap();
        }
        repository
            .put_policy("inventory.toml", POLICY, now())
            .unwrap();
        let made = Self { desk, repository };
        made.assign("0.1.1");
        made
    }

    pub(super) fn assign(&self, version: &str) {
        let assign = Assign {
            vendor: &"bailiwick".parse().unwrap(),
            plugin: &"inventory".parse().unwrap(),
            version: &version.parse().unwrap(),
            policy: "inventory.toml",
            groups: Some(["pilot".parse().unwrap()].into()),
            percentage: 100,
        };
        self.repository.assign(&assign, now()).unwrap();
    }

    /// A device has 0.1.0 running and waits for approval of 0.1.1.
    pub(super) async fn wait(&self) {
        let started = json!({ "event": "plugin-started", "version": "0.1.0" });
        self.desk.event(Some("inventory"), started, "started").await;
        let reason = "0.1.1 (generation 4) asks for more than is approved: `sessions` is imported \
                      (all) and the policy does not grant it; 0.1.0 keeps running";
        let refused = json!({ "event": "refused", "version": "0.1.1", "reason": reason });
        self.desk.event(Some("inventory"), refused, reason).await;
    }

    pub(super) async fn page(&self, cookie: &str) -> String {
        let answer = self.desk.get("/approvals", cookie).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

#[tokio::test]
async fn a_request_is_shown_with_what_it_adds_and_what_is_granted_now() {
    let desks = Desks::open().await;
    desks.wait().await;
    let cookie = desks.desk.log_in(Role::Viewer).await;
    let page = desks.page(&cookie).await;
    for told in [
        "Waits for approval",
        "`sessions` is imported (all) and the policy does not grant it",
        "Since 0.1.0, which runs",
        "<strong>wider</strong> bailiwick:plugin/sessions: is now imported (all)",
        "<code>inventory.toml</code> grants now, for devices of pilot",
        "may read /etc/passwd; read /etc/group",
        "may not read /etc/shadow",
        "(policies-2026, without an end)",
        "bailiwick-console policy sign --repo DIR --key YOURS.json inventory.toml</code>",
        "--vendor bailiwick --plugin inventory --version 0.1.0 --policy inventory.toml --group \
         pilot</code>",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }

    desks.assign("0.1.0");
    let page = desks.page(&cookie).await;
    assert!(page.contains("Assigned no more"), "{page}");
    assert!(
        !page.contains("Waits for approval") && !page.contains("To approve"),
        "{page}"
    );
}

#[tokio::test]
async fn what_nobody_signed_is_not_shown_as_granted() {
    let desks = Desks::open().await;
    desks.wait().await;
    let cookie = desks.desk.log_in(Role::Viewer).await;
    let policies = desks.repository.public().join("policies");
    let file = fs::read_dir(&policies)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().ends_with(".inventory.toml"))
        .unwrap();
    fs::write(&file, POLICY.replace("/etc", "/tmp")).unwrap();
    let page = desks.page(&cookie).await;
    assert!(
        page.contains("can&#39;t be shown") || page.contains("can't be shown"),
        "{page}"
    );
    assert!(!page.contains("/tmp"), "{page}");
    assert!(page.contains("`sessions` is imported"), "{page}");
}
