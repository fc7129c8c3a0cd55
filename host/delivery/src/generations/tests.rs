use super::*;

fn plugin() -> PluginName {
    "inventory".parse().unwrap()
}

fn vendor() -> VendorName {
    "acme".parse().unwrap()
}

fn begin(state: &mut Generations, minor: u64) -> GenerationId {
    let component = Sha256::of(&minor.to_be_bytes());
    state.begin(
        &plugin(),
        &vendor(),
        &Version::new(0, minor, 0),
        component,
        Sha256::of(b"p"),
    )
}

fn revocations(versions: &str) -> Revocations {
    let text = format!(
        "format = 1\n[[revoked]]\nplugin = \"inventory\"\nvendor = \"acme\"\nversions = \"{versions}\"\nreason = \"Leaks.\"\n"
    );
    Revocations::parse("revoked.toml", &text).unwrap()
}

fn two_active() -> (Generations, GenerationId, GenerationId) {
    let mut state = Generations::default();
    let one = begin(&mut state, 1);
    assert!(state.activate(&plugin(), one));
    let two = begin(&mut state, 2);
    assert!(state.activate(&plugin(), two));
    (state, one, two)
}

#[test]
fn a_failed_active_generation_gives_way_to_the_previous() {
    let (mut state, one, two) = two_active();
    assert_eq!(state.previous(&plugin()).unwrap().id, one);
    assert_eq!(state.fail(&plugin(), two, "it trapped").unwrap().id, one);
    assert!(!state.activate(&plugin(), two));
    assert_eq!(begin(&mut state, 3), GenerationId(3));
}

#[test]
fn a_failed_trial_leaves_the_active_generation_alone() {
    let (mut state, _, two) = two_active();
    let three = begin(&mut state, 3);
    assert_eq!(state.fail(&plugin(), three, "refused").unwrap().id, two);
}

#[test]
fn no_rollback_returns_to_a_revoked_generation() {
    let (mut state, _, two) = two_active();
    assert!(state.revoke(&revocations("=0.1.0")).is_empty());
    assert_eq!(state.fail(&plugin(), two, "it trapped"), None);
    // A later list that leaves the entry out takes nothing back.
    state.revoke(&Revocations::default());
    let reason = state.revoked_because(&vendor(), &plugin(), &Version::new(0, 1, 0));
    assert_eq!(reason.as_deref(), Some("Leaks."));
}

#[test]
fn a_revoked_active_generation_is_named_for_stopping() {
    let (mut state, _, two) = two_active();
    let stopped = state.revoke(&revocations("=0.2.0"));
    assert_eq!(stopped.len(), 1);
    assert_eq!((stopped[0].id, stopped[0].status), (two, Status::Revoked));
    assert_eq!(state.active(&plugin()), None);
    assert!(!state.in_use().contains(&stopped[0].component));
    assert!(state.revoke(&revocations("=0.2.0")).is_empty());
}

#[test]
fn serials_only_rise() {
    let mut state = Generations::default();
    assert!(state.follow(5));
    assert!(state.follow(5));
    assert!(!state.follow(4));
    assert_eq!(state.assignment_serial(), 5);
}

#[test]
fn the_end_of_trials_is_bounded_in_memory() {
    let (mut state, _, _) = two_active();
    for minor in 3..50 {
        let id = begin(&mut state, minor);
        state.fail(&plugin(), id, "refused");
    }
    assert_eq!(state.all().len(), 2 + REMEMBERED);
}

#[test]
fn either_copy_is_enough_and_damage_is_set_aside() {
    let (state, _, _) = two_active();
    for damaged in COPIES {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, empty, _) = GenerationStore::open(folder.path()).unwrap();
        assert_eq!(empty, Generations::default());
        store.save(&state).unwrap();
        let path = folder.path().join(damaged);
        let changed = std::fs::read_to_string(&path)
            .unwrap()
            .replace("active", "failed");
        std::fs::write(&path, changed).unwrap();
        let (_, read, set_aside) = GenerationStore::open(folder.path()).unwrap();
        assert_eq!(read, state);
        assert_eq!(set_aside, [path]);
    }
}

#[test]
fn two_damaged_copies_are_not_fatal() {
    let folder = tempfile::tempdir().unwrap();
    for name in COPIES {
        std::fs::write(folder.path().join(name), "{\"format\":1,").unwrap();
    }
    let (mut store, state, damaged) = GenerationStore::open(folder.path()).unwrap();
    assert_eq!((state, damaged.len()), (Generations::default(), 2));
    let (kept, _, _) = two_active();
    store.save(&kept).unwrap();
    assert_eq!(GenerationStore::open(folder.path()).unwrap().1, kept);
}

#[test]
fn of_two_good_copies_the_newer_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, mut state, _) = GenerationStore::open(folder.path()).unwrap();
    store.save(&state).unwrap();
    let old = std::fs::read(folder.path().join(COPIES[1])).unwrap();
    assert!(state.follow(9));
    store.save(&state).unwrap();
    std::fs::write(folder.path().join(COPIES[1]), old).unwrap();
    assert_eq!(GenerationStore::open(folder.path()).unwrap().1, state);
}
