//! What a server signs by itself, and with which keys.

use std::{fs, time::Duration};

use bailiwick_harness::desk::{DAY, Desk, noon};
use bailiwick_repository::{Renewed, Repository, RepositoryError};

/// A server's copy: the public files and the online keys, and nothing else of the
/// repository.
fn server(desk: &Desk) -> Repository {
    let folder = desk.folder.path().join("server");
    fs::create_dir_all(&folder).unwrap();
    let repository = &desk.repository;
    let [public, keys] = ["public", "online-keys"].map(|name| folder.join(name));
    fs::rename(repository.public(), &public).unwrap();
    fs::rename(repository.online_keys(), &keys).unwrap();
    fs::remove_dir_all(repository.folder()).unwrap();
    Repository::served(&public, &keys).unwrap()
}

#[test]
fn a_server_keeps_a_device_going_for_a_month_with_the_online_keys_alone() {
    let mut desk = Desk::begin();
    let server = server(&desk);
    desk.host.public = server.public();
    server.check_online_keys().unwrap();
    let mut signed = 0;
    for hours in (0..24 * 31).step_by(6) {
        let now = noon().after(Duration::from_secs(hours * 3_600));
        if let Renewed::Signed { .. } = server.keep_fresh(now).unwrap() {
            signed += 1;
        }
        if hours % 24 == 18 {
            desk.refresh_at(now).unwrap();
        }
    }
    assert_eq!(signed, 30);
    assert!(desk.refresh_at(noon().after(DAY * 39)).is_err());
}

#[test]
fn it_says_how_long_there_is_nothing_to_do() {
    let desk = Desk::begin();
    let in_a_day = desk.repository.keep_fresh(noon()).unwrap();
    assert_eq!(in_a_day, Renewed::NotDue(DAY));
    let later = desk.repository.keep_fresh(noon().after(DAY)).unwrap();
    let expires = "2026-12-01T12:00:00Z".to_owned();
    assert_eq!(
        later,
        Renewed::Signed {
            version: 3,
            expires
        }
    );
}

#[test]
fn a_key_that_belongs_offline_is_refused_where_a_server_reads() {
    let desk = Desk::begin();
    desk.repository.check_online_keys().unwrap();
    let root = desk.repository.keys().join("root-2026.json");
    for folder in [
        desk.repository.online_keys(),
        desk.repository.public().join("policies"),
    ] {
        let copy = folder.join("forgotten.json");
        fs::copy(&root, &copy).unwrap();
        let refused = desk.repository.check_online_keys().unwrap_err();
        assert!(
            matches!(refused, RepositoryError::OfflineKey { .. }),
            "{refused}"
        );
        assert!(refused.to_string().contains("root-2026"), "{refused}");
        fs::remove_file(copy).unwrap();
    }
    // Its own word counts for nothing where metadata says more.
    let copy = desk.repository.online_keys().join("forgotten.json");
    let text = fs::read_to_string(root).unwrap();
    fs::write(
        copy,
        text.replace("\"role\": \"root\"", "\"role\": \"timestamp\""),
    )
    .unwrap();
    assert!(desk.repository.check_online_keys().is_err());
}
