use proptest::prelude::*;

use super::*;
use crate::policy::Risk;

fn grant(effect: Effect, roots: Vec<FileRoot>, expires: Option<u64>) -> Grant {
    Grant {
        capability: Capability::Files,
        effect,
        scope: Scope::Files(roots),
        reason: "A test.".to_owned(),
        approved_by: "tests".to_owned(),
        expires: expires.map(Timestamp::from_ms),
        risk: Risk::Low,
        source: GrantSource::Policy { line: 1 },
    }
}

fn root(root: &str, patterns: &[&str]) -> FileRoot {
    FileRoot {
        root: root.to_owned(),
        patterns: patterns.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn files(grants: Vec<Grant>) -> Files {
    let text = include_str!("../../fixtures/policy.toml");
    let mut policy = Policy::parse("p", text).unwrap();
    policy.grants = grants;
    policy.files()
}

#[test]
fn paths_are_checked_before_grants() {
    let files = files(vec![grant(Effect::Allow, vec![root("/", &["**"])], None)]);
    let at_limit = format!("/{}", "a".repeat(4_095));
    assert!(files.file(&at_limit, Timestamp::EPOCH).is_ok());
    for path in [
        "",
        "etc/passwd",
        "//etc",
        "/etc/",
        "/etc//passwd",
        "/./etc",
        "/etc/.",
        "/etc/..",
        "/etc/../shadow",
        "/etc/a\0",
        &format!("{at_limit}a"),
    ] {
        assert_eq!(
            files.file(path, Timestamp::EPOCH),
            Err(Denial::InvalidPath),
            "{path:?}"
        );
    }
    for path in ["/etc/...", "/etc/..a", "/.a"] {
        assert!(files.file(path, Timestamp::EPOCH).is_ok(), "{path}");
    }
}

#[test]
fn the_longest_root_that_covers_a_path_counts() {
    let files = files(vec![grant(
        Effect::Allow,
        vec![root("/etc", &["app/x", "app/y"]), root("/etc/app", &["y"])],
        None,
    )]);
    let now = Timestamp::EPOCH;
    assert_eq!(files.file("/etc/app/y", now), Ok(("/etc/app", "y")));
    assert_eq!(files.file("/etc/app/x", now), Ok(("/etc", "app/x")));
    assert_eq!(files.file("/etcapp/x", now), Err(Denial::NotGranted));
    assert_eq!(files.file("/etc/app", now), Err(Denial::NotGranted));
}

#[test]
fn a_grant_ends_when_it_expires() {
    let files = files(vec![grant(
        Effect::Allow,
        vec![root("/etc", &["passwd"])],
        Some(10),
    )]);
    assert!(files.file("/etc/passwd", Timestamp::from_ms(9)).is_ok());
    assert!(matches!(
        files.file("/etc/passwd", Timestamp::from_ms(10)),
        Err(Denial::Expired { .. })
    ));
    assert_eq!(
        files.file("/etc/group", Timestamp::from_ms(10)),
        Err(Denial::NotGranted)
    );
}

#[test]
fn a_denied_directory_denies_what_is_in_it() {
    let files = files(vec![
        grant(Effect::Allow, vec![root("/etc", &["**"])], None),
        grant(Effect::Deny, vec![root("/etc", &["ssl/private"])], None),
    ]);
    let now = Timestamp::EPOCH;
    assert!(files.file("/etc/ssl/certs", now).is_ok());
    for path in ["/etc/ssl/private", "/etc/ssl/private/a/b"] {
        assert!(matches!(files.file(path, now), Err(Denial::Denied { .. })));
    }
}

#[test]
fn a_link_reaches_nothing_denied_and_a_strangers_link_only_what_is_granted() {
    let files = files(vec![
        grant(
            Effect::Allow,
            vec![root("/srv", &["open/**", "named"])],
            None,
        ),
        grant(Effect::Deny, vec![root("/srv", &["open/key"])], None),
    ]);
    let leads = |path, linked| files.leads_to(path, linked, Timestamp::EPOCH).is_ok();
    for (path, by_owner, by_others) in [
        ("/srv/open/file", true, true),
        ("/srv/named", true, true),
        ("/srv/elsewhere", true, false),
        ("/srv/open/key", false, false),
        ("/srv/open/key/deep", false, false),
    ] {
        assert_eq!(leads(path, Linked::ByItsOwner), by_owner, "{path}");
        assert_eq!(leads(path, Linked::ByOthers), by_others, "{path}");
    }
}

fn roots() -> impl Strategy<Value = Vec<FileRoot>> {
    let pattern = prop_oneof![
        "[ab*]{1,2}(/[ab*]{1,2}){0,2}",
        "[ab]{1,2}/\\*\\*",
        Just("**".to_owned())
    ]
    .prop_filter_map("not a pattern", |text| text.parse().ok());
    let root = prop_oneof![Just("/".to_owned()), "/[ab]{1,2}(/[ab]{1,2})?"];
    let root = (root, prop::collection::vec(pattern, 1..4))
        .prop_map(|(root, patterns)| FileRoot { root, patterns });
    prop::collection::vec(root, 1..4)
}

/// The rule, written for clearness: some root's pattern fits what is beneath it.
fn covers(roots: &[FileRoot], path: &str, fits: impl Fn(&PathPattern, &str) -> bool) -> bool {
    roots.iter().any(|root| {
        let base = format!("{}/", root.root.trim_end_matches('/'));
        path.strip_prefix(&base)
            .is_some_and(|relative| root.patterns.iter().any(|pattern| fits(pattern, relative)))
    })
}

proptest! {
    #[test]
    fn prepared_patterns_mean_the_same(
        pattern in "[ab*]{1,2}(/[ab*]{1,2}){0,2}",
        path in "[ab]{1,2}(/[ab]{1,2}){0,3}",
    ) {
        if let Ok(pattern) = pattern.parse::<PathPattern>() {
            let prepared = Prepared::new(&pattern);
            prop_assert_eq!(prepared.matches(&path), pattern.matches(&path));
            prop_assert_eq!(prepared.matches_or_holds(&path), pattern.matches_or_holds(&path));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_path_is_given_if_allowed_and_never_if_denied(
        allowed in roots(),
        denied in prop::option::of(roots()),
        path in "(/[ab]{1,2}){1,4}",
    ) {
        let mut grants = vec![grant(Effect::Allow, allowed.clone(), None)];
        let mut is_denied = false;
        if let Some(denied) = denied {
            is_denied = covers(&denied, &path, PathPattern::matches_or_holds);
            grants.push(grant(Effect::Deny, denied, None));
        }
        let is_allowed = covers(&allowed, &path, PathPattern::matches);
        prop_assert_eq!(
            files(grants).file(&path, Timestamp::EPOCH).is_ok(),
            is_allowed && !is_denied
        );
    }

    #[test]
    fn no_path_outside_a_root_is_ever_given(allowed in roots(), path in "(/|[ab.]|\\.\\.|\0){0,12}") {
        let files = files(vec![grant(Effect::Allow, allowed.clone(), None)]);
        if let Ok((root, relative)) = files.file(&path, Timestamp::EPOCH) {
            prop_assert!(allowed.iter().any(|allowed| allowed.root == root));
            prop_assert_eq!(format!("{}/{relative}", root.trim_end_matches('/')), path.clone());
            prop_assert!(relative.split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
    }
}
