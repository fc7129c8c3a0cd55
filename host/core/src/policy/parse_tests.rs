//! Refusals of policies, and the policy that the repository ships.

use std::num::NonZeroU16;

use super::*;
use crate::{bytes::ByteCount, time::Timestamp};

const GOOD: &str = r#"format = 1
plugin = "inventory"
vendor = "bailiwick"
versions = "^0.1"
summary = "Reports what the device is."
[limits]
memory = "16 MiB"
deadline = "10 s"
cpu = { per-mille = 100, window = "60 s" }
output = "2 MiB"
host-calls = 20000
log-lines = 50
state = "64 KiB"
[schedule]
every = "1 h"
jitter = "10 min"
[config]
some-key = "text"
[[grant]]
capability = "files"
effect = "allow"
roots = [{ root = "/etc", paths = ["os-release", "passwd"] }]
reason = "Names the operating system."
approved-by = "policies-2026"
expires = 2027-12-31
risk = "low"
"#;

fn refusal(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    Policy::parse("p.toml", &GOOD.replacen(from, to, 1))
        .expect_err(to)
        .to_string()
}

/// What a grant is for that says `effect = ` and then these lines.
fn scope(capability: &str, lines: &str) -> Result<Scope, String> {
    let entry = format!("capability = \"{capability}\"\neffect = {lines}");
    let text = GOOD.replace(
        "capability = \"files\"\neffect = \"allow\"\nroots = [{ root = \"/etc\", paths = \
         [\"os-release\", \"passwd\"] }]",
        &entry,
    );
    let text = text.replace("expires = 2027-12-31\n", "");
    let policy = Policy::parse("p.toml", &text).map_err(|error| error.to_string())?;
    Ok(policy.grants[0].scope.clone())
}

#[test]
fn a_policy_is_read_whole() {
    let policy = Policy::parse("p.toml", GOOD).unwrap();
    assert_eq!(policy.limits.memory, ByteCount::mib(16));
    assert_eq!(policy.config["some-key"], "text");
    let grant = &policy.grants[0];
    assert_eq!(grant.source, GrantSource::Policy { line: 19 });
    // 2028-01-01T00:00:00Z: the whole of the last day counts.
    assert_eq!(grant.expires, Some(Timestamp::from_ms(1_830_297_600_000)));
}

#[test]
fn a_refusal_is_one_sentence_with_place_and_suggestion() {
    assert_eq!(
        refusal("memory = \"16 MiB\"", "memory = \"16 mib\""),
        "p.toml:7:10: `memory` can't be `\"16 mib\"`; write `memory = \"16 MiB\"`: a size from \
         64 KiB to 1 GiB"
    );
    assert_eq!(
        refusal("reason = \"Names the operating system.\"\n", ""),
        "p.toml:19:1: `reason` is missing from `[[grant]]`; write `reason = \"Names the operating \
         system.\"`: why, on one line of at most 1000 bytes"
    );
    assert_eq!(
        refusal("effect =", "efect ="),
        "p.toml:21:1: `efect` is not a key of `[[grant]]`; write one of `capability`, `effect`, \
         `roots`, `of`, `fields`, `redact`, `programs`, `macs`, `links`, `per-minute`, `verbs`, \
         `executables`, `whose`, `origins`, `methods`, `prefixes`, `networks`, `users`, `from`, \
         `when-users`, `warn-for`, `pause`, `reason`, \
         `approved-by`, `expires`, `risk`, or remove it"
    );
}

#[test]
fn what_is_seen_of_processes_is_named() {
    let scope = |lines: &str| scope("processes", lines);
    let seen = |whose, fields| Ok(Scope::Seen(Seen { whose, fields }));
    let user = Fields::NONE.with(Sensitive::User);
    assert_eq!(
        scope("\"allow\"\nof = \"own-session\""),
        seen(Whose::OwnSession, Fields::NONE)
    );
    assert_eq!(
        scope("\"allow\"\nof = \"all\"\nfields = [\"user\"]"),
        seen(Whose::All, user)
    );
    let cut = Redaction::Truncated(NonZeroU16::new(64).unwrap());
    assert_eq!(
        scope(
            "\"allow\"\nof = \"all\"\n\
             redact = { user = \"hash\", command-line = { truncate = 64 } }"
        ),
        seen(
            Whose::All,
            Fields::NONE
                .given(Sensitive::User, Redaction::Hashed)
                .given(Sensitive::CommandLine, cut)
        )
    );
    assert_eq!(
        scope("\"allow\"\nof = \"all\"\nfields = [\"user\"]\nredact.command-line = \"drop\""),
        seen(Whose::All, user)
    );
    assert_eq!(scope("\"deny\""), Ok(Scope::Whole));
    assert_eq!(
        scope("\"deny\"\nfields = [\"user\"]"),
        seen(Whose::All, user)
    );
    for (wrong, part) in [
        ("\"allow\"", "`of` is missing"),
        ("\"allow\"\nof = \"mine\"", "own-session or all"),
        ("\"allow\"\nof = \"all\"\nfields = [\"place\"]", "`fields`"),
        (
            "\"allow\"\nof = \"all\"\nroots = []",
            "has parts of its own",
        ),
        ("\"deny\"\nof = \"all\"", "a denial is of all"),
        (
            "\"allow\"\nof = \"all\"\nfields = [\"user\"]\nredact = { user = \"hash\" }",
            "`user` is in `fields` too",
        ),
        (
            "\"allow\"\nof = \"all\"\nredact = { place = \"hash\" }",
            "write `user` or `command-line`",
        ),
        (
            "\"allow\"\nof = \"all\"\nredact = { user = \"mask\" }",
            "a digest under a key of the device",
        ),
        (
            "\"allow\"\nof = \"all\"\nredact = { user = { truncate = 0 } }",
            "1 to 4096",
        ),
        (
            "\"deny\"\nredact = { user = \"hash\" }",
            "a denial takes all of a field",
        ),
    ] {
        let refused = scope(wrong).unwrap_err();
        assert!(refused.contains(part), "{wrong}: {refused}");
    }
}

#[test]
fn of_system_and_network_all_is_given_that_is_not_said_to_be_less() {
    let seen = |fields| {
        let whose = Whose::All;
        Ok(Scope::Seen(Seen { whose, fields }))
    };
    assert_eq!(scope("system", "\"allow\""), Ok(Scope::Whole));
    let hashed = Fields::NONE
        .given(Sensitive::HostName, Redaction::Hashed)
        .with(Sensitive::MountPoint);
    assert_eq!(
        scope("system", "\"allow\"\nredact = { host-name = \"hash\" }"),
        seen(hashed)
    );
    assert_eq!(
        scope("network", "\"deny\"\nfields = [\"mac\"]"),
        seen(Fields::NONE.with(Sensitive::Mac))
    );
    for (lines, part) in [
        ("\"allow\"\nfields = [\"mac\"]", "gives all its fields"),
        ("\"allow\"\nof = \"all\"", "takes no `of`"),
        (
            "\"allow\"\nredact = { user = \"hash\" }",
            "write `mac` or `address`",
        ),
    ] {
        let refused = scope("network", lines).unwrap_err();
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn refusals_name_the_line_of_the_fault() {
    for (from, to, line, part) in [
        ("format = 1\n", "", 1, "`format` is missing"),
        ("format = 1", "format = 2", 1, "newer than this program"),
        ("vendor =", "plugin =", 3, "duplicate key; keep one"),
        ("\"^0.1\"", "\"*\"", 4, "every future version"),
        ("\"^0.1\"", "\">=0.1\"", 4, "every future version"),
        ("\"^0.1\"", "\"newest\"", 4, "`versions` can't be"),
        (
            "the device is.",
            "\\u001b[2Jall.",
            5,
            "control or direction",
        ),
        (
            "state = \"64 KiB\"\n",
            "",
            6,
            "`state` is missing from `[limits]`",
        ),
        ("\"16 MiB\"", "\"0 B\"", 7, "`memory` can't be"),
        ("\"16 MiB\"", "\"2 GiB\"", 7, "`memory` can't be"),
        ("\"16 MiB\"", "16", 7, "`memory` can't be `16`"),
        ("\"10 s\"", "\"1 d\"", 8, "`deadline` can't be"),
        ("\"10 s\"", "\"10\"", 8, "`deadline` can't be"),
        ("= 100", "= 0", 9, "`per-mille` can't be"),
        ("= 100", "= 1001", 9, "`per-mille` can't be"),
        (
            ", window = \"60 s\"",
            "",
            9,
            "`window` is missing from `cpu`",
        ),
        ("\"2 MiB\"", "\"17 MiB\"", 10, "not above `memory`"),
        ("20000", "0", 11, "`host-calls` can't be `0`"),
        ("20000", "1.5", 11, "`host-calls` can't be"),
        ("50", "-1", 12, "`log-lines` can't be `-1`"),
        ("jitter = \"10 min\"\n", "", 14, "`jitter` is missing"),
        ("\"1 h\"", "\"0 s\"", 15, "`every` can't be"),
        ("\"10 min\"", "\"2 h\"", 16, "`jitter` can't be"),
        ("\"text\"", "1", 18, "`config` can't be `1`"),
        ("some-key", "Some_key", 18, "keys of `a-z`"),
        ("[[grant]]", "[grant]", 19, "`grant` can't be"),
        (
            "[[grant]]",
            "[[grants]]",
            19,
            "`grants` is not a key of this file",
        ),
        ("\"files\"", "\"telepathy\"", 20, "one of log, clock"),
        ("\"files\"", "\"log\"", 22, "`log` has no parts"),
        ("\"allow\"", "\"permit\"", 21, "allow or deny"),
        ("\"allow\"", "\"deny\"", 25, "a denial does not expire"),
        (
            "roots = [{ root = \"/etc\", paths = [\"os-release\", \"passwd\"] }]\n",
            "",
            19,
            "`roots` is missing",
        ),
        (
            "[{ root = \"/etc\", paths = [\"os-release\", \"passwd\"] }]",
            "[]",
            22,
            "it is empty",
        ),
        ("[\"os-release\", \"passwd\"]", "[]", 22, "it is empty"),
        (
            ", paths = [\"os-release\", \"passwd\"]",
            "",
            22,
            "`paths` is missing from `roots`",
        ),
        ("\"/etc\"", "\"etc\"", 22, "it is not absolute"),
        ("\"/etc\"", "\"/etc/\"", 22, "`root` can't be"),
        ("\"/etc\"", "\"/etc/../root\"", 22, "`root` can't be"),
        ("\"/etc\"", "\"/home/*\"", 22, "`root` can't be"),
        ("\"passwd\"", "\"../shadow\"", 22, "`.` or `..` part"),
        (
            "\"passwd\"",
            "\"**/id_rsa\"",
            22,
            "`**` stands alone and last",
        ),
        ("\"passwd\"", "\"/etc/passwd\"", 22, "it is absolute"),
        ("Names the operating system.", "  ", 23, "it is empty"),
        ("Names the", "\u{202e}Names the", 23, "control or direction"),
        ("\"policies-2026\"", "\"\"", 24, "`approved-by` can't be"),
        (
            "2027-12-31",
            "\"2027-12-31\"",
            25,
            "without quotation marks",
        ),
        (
            "2027-12-31",
            "2027-12-31T00:00:00Z",
            25,
            "`expires` can't be",
        ),
        ("2027-12-31", "2027-02-30", 25, "this is not TOML"),
        ("\"low\"", "\"none\"", 26, "low, medium or high"),
    ] {
        let refused = refusal(from, to);
        assert!(
            refused.starts_with(&format!("p.toml:{line}:")),
            "{to}: {refused}"
        );
        assert!(refused.contains(part), "{to}: {refused}");
        assert!(refused.contains("; "), "{to}: {refused}");
    }
}

/// Every policy in `policies/` of the repository, by the name of its file.
fn shipped() -> Vec<(String, Policy)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files
        .filter(|file| file.path().extension().is_some_and(|end| end == "toml"))
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            let policy = Policy::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
            (name, policy)
        })
        .collect()
}

#[test]
fn the_cases_of_every_shipped_policy_hold() {
    for (name, policy) in shipped() {
        let expects = |effect| policy.cases.iter().any(|case| case.expect == effect);
        assert!(
            expects(Effect::Allow) && expects(Effect::Deny),
            "{name}: no cases of both kinds"
        );
        let failing = policy.failing_cases(Timestamp::EPOCH);
        assert_eq!(failing, Vec::<&Case>::new(), "{name}");
    }
}

#[test]
fn shipped_policies_are_for_their_plugin_and_reach_no_secret() {
    for (name, policy) in shipped() {
        let plugin = policy.plugin.as_str();
        assert_eq!(format!("{plugin}.toml"), name);
        let files = policy.files();
        for path in [
            "/etc/shadow",
            "/etc/gshadow-",
            "/etc/machine-id",
            "/etc/ssh/ssh_host_ed25519_key",
            "/proc/1/environ",
            "/proc/self/environ",
            "/proc/kcore",
            "/var/lib/snapd/state.json",
            "/root/.ssh/id_ed25519",
            "/home",
            "/",
        ] {
            let answer = files.file(path, Timestamp::EPOCH);
            assert!(answer.is_err(), "{plugin}: {path}");
        }
    }
}

#[test]
fn the_shipped_policy_of_inventory_grants_what_it_reads() {
    let policy = shipped()
        .into_iter()
        .find_map(|(name, policy)| (name == "inventory.toml").then_some(policy))
        .unwrap();
    for path in [
        "/etc/os-release",
        "/usr/lib/os-release",
        "/sys/class/dmi/id/product_name",
        "/sys/block/sda/queue/rotational",
        "/var/lib/dpkg/status",
        "/snap/core20/current/meta/snap.yaml",
        "/etc/systemd/system/multi-user.target.wants/ssh.service",
    ] {
        assert!(
            policy.files().file(path, Timestamp::EPOCH).is_ok(),
            "{path}"
        );
    }
    assert_eq!(
        policy.access(Capability::State, Timestamp::EPOCH),
        Access::Absent
    );
}
