//! What is told of a version that asks for more than its policy grants.

use std::fs;

use bailiwick_core::{ids::DeviceId, refusal::Refused, release::World};
use bailiwick_repository::{Assign, Key, Named, Publish, Repository};
use semver::Version;
use serde_json::json;

use super::{
    super::Role,
    desk::{DEVICE, Desk},
};
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

    pub(super) fn refuse(&self, version: &str, reason: &str) -> Refused {
        let keys = fs::read_dir(self.repository.keys()).unwrap();
        let key = keys
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with("policies-") && name.ends_with(".json")
            })
            .unwrap();
        let named = Named {
            vendor: &"bailiwick".parse().unwrap(),
            plugin: &"inventory".parse().unwrap(),
            version: &version.parse().unwrap(),
        };
        let key = Key::load(&key).unwrap();
        self.repository.refuse(named, reason, key, now()).unwrap()
    }

    /// The page of the device.
    fn device(&self) -> String {
        format!("/devices/{}", DeviceId::from_bytes(DEVICE))
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
}

#[tokio::test]
async fn a_version_that_is_assigned_no_more_waits_nowhere() {
    let desks = Desks::open().await;
    desks.wait().await;
    let reason = "0.1.1 (generation 5) is put off at `verify`: no room";
    let put_off = json!({ "event": "put-off", "version": "0.1.1", "reason": reason });
    desks.desk.event(Some("inventory"), put_off, reason).await;
    let cookie = desks.desk.log_in(Role::Viewer).await;
    let pages = [
        "/approvals".to_owned(),
        "/".to_owned(),
        desks.device(),
        desks.device() + "/plugins",
    ];
    for path in &pages {
        let answer = desks.desk.get(path, &cookie).await;
        assert!(
            answer.body.contains("aits for approval"),
            "{path}: {}",
            answer.body
        );
    }
    desks.assign("0.1.0");
    for path in &pages {
        let answer = desks.desk.get(path, &cookie).await;
        assert_eq!(answer.status, 200, "{path}");
        let waits = answer.body.replace("Nothing waits for approval", "");
        assert!(!waits.contains("aits for approval"), "{path}: {waits}");
    }
    let device = desks.desk.get(&desks.device(), &cookie).await;
    assert!(
        device.body.contains("Nothing needs attention"),
        "{}",
        device.body
    );
}

#[tokio::test]
async fn a_refused_version_waits_no_more_and_is_shown_with_who_refused_it_and_why() {
    let desks = Desks::open().await;
    desks.wait().await;
    let cookie = desks.desk.log_in(Role::Viewer).await;
    let page = desks.page(&cookie).await;
    assert!(
        page.contains(
            "policy refuse --repo DIR --key YOURS.json --reason &quot;WHY&quot; inventory 0.1.1"
        ),
        "{page}"
    );
    assert!(!page.contains("<h2>Refused</h2>"), "{page}");
    let refused = desks.refuse("0.1.1", "It need not <see> sessions.");
    let page = desks.page(&cookie).await;
    for told in [
        "Nothing waits for approval",
        "<h2>Refused</h2>",
        "<strong>inventory 0.1.1</strong> of bailiwick, ",
        &format!(
            "refused by {} on {}: It need not &lt;see&gt; sessions.",
            refused.by,
            refused.day()
        ),
        &refused.component_sha256.to_string(),
        "Still assigned",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let device = desks.desk.get(&desks.device(), &cookie).await.body;
    assert!(device.contains("is refused by"), "{device}");
    let list = desks.desk.get("/", &cookie).await.body;
    assert!(
        list.contains("inventory refused") && !list.contains("Waits for approval"),
        "{list}"
    );

    // Whoever assigns another version has done all that was to be done.
    desks.assign("0.1.0");
    let page = desks.page(&cookie).await;
    assert!(
        page.contains("<h2>Refused</h2>") && !page.contains("Still assigned"),
        "{page}"
    );
    let list = desks.desk.get("/", &cookie).await.body;
    assert!(!list.contains("inventory refused"), "{list}");
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
