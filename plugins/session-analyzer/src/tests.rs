//! Samples of made-up sessions.

use bailiwick_sdk::{
    fake::Device,
    processes::{Ending, Process},
};

use super::{ended::How, *};

fn process(id: u32, executable: &'static str) -> Process<'static> {
    Process {
        id,
        started: 1_000,
        name: "name",
        executable,
        ..Process::default()
    }
}

fn session() -> sessions::Session {
    sessions::Session {
        id: "7#12".to_owned(),
        own: true,
        kind: Some(sessions::Kind::Ssh),
        state: Some(sessions::State::Active),
        since: Some(5),
        idle_since: None,
        user: None,
        seat: None,
        terminal: None,
        display: None,
        client_name: None,
        client_address: None,
    }
}

fn device(now: u64, processes: &[Process<'_>]) -> Device {
    let entry = "[Desktop Entry]\nType=Application\nName=Files\nExec=nautilus\n";
    Device::new()
        .now(now)
        .processes(processes)
        .sessions([session()])
        .file("/usr/share/applications/files.desktop", entry)
}

#[test]
fn applications_come_first_and_every_twelve_hours() {
    let mut analyzer = Analyzer::new();
    let mut count = |now| {
        let rows = device(now, &[process(1, "/bin/sh")])
            .run(|| analyzer.sample())
            .unwrap();
        assert_eq!((rows.count("process"), rows.count("session")), (1, 1));
        assert_eq!(rows.count("reading"), 1);
        rows.count("application")
    };
    let hour = 3_600_000;
    let begin = 100 * hour;
    let counts = [
        begin,
        begin + hour,
        begin + 12 * hour,
        begin + 13 * hour,
        hour,
    ]
    .map(&mut count);
    assert_eq!(
        counts,
        [1, 0, 1, 0, 1],
        "the last after the clock was set back"
    );
}

#[test]
fn an_end_is_told_once_and_how_it_came_where_that_is_known() {
    let mut lives = Lives::default();
    let (one, two, three) = (process(1, ""), process(2, ""), process(3, ""));
    let follow = |lives: &mut Lives, processes: &[Process<'static>]| {
        let ended = lives.follow(processes.iter().copied());
        let ended = ended.into_iter().map(|(life, how)| (life.pid, how));
        ended.collect::<Vec<_>>()
    };
    assert_eq!(follow(&mut lives, &[one, two, three]), []);
    let crashed = Process {
        ending: Ending::Signal(11),
        ..two
    };
    assert_eq!(
        follow(&mut lives, &[one, crashed, three]),
        [(2, How::Crash(11))]
    );
    assert_eq!(follow(&mut lives, &[one, crashed]), [(3, How::Ended)]);
    assert_eq!(follow(&mut lives, &[one]), [], "it was told");
    // The same id, another process.
    let again = Process {
        started: 2_000,
        ending: Ending::Signal(9),
        ..one
    };
    assert_eq!(
        follow(&mut lives, &[again]),
        [(1, How::Killed(9)), (1, How::Ended)]
    );
}

#[test]
fn the_next_version_misses_no_end_and_reads_no_applications_again() {
    let mut old = Analyzer::new();
    device(50, &[process(1, ""), process(2, "")])
        .run(|| old.sample())
        .unwrap();
    let mut new = Analyzer::load("0.1.0", &old.save()).unwrap();
    let rows = device(60, &[process(1, "")]).run(|| new.sample()).unwrap();
    assert_eq!((rows.count("ended"), rows.count("application")), (1, 0));
    assert!(Analyzer::load("0.1.0", &[0; 9]).is_err());
    assert!(Analyzer::load("0.1.0", &[]).is_err());
}

#[test]
fn without_processes_there_is_no_sample_and_without_sessions_there_is() {
    let mut analyzer = Analyzer::new();
    let denied = device(1, &[]).deny("processes");
    assert_eq!(
        denied.run(|| analyzer.sample()).map(|_| ()),
        Err(CollectError::Denied("processes".to_owned()))
    );
    let rows = device(1, &[process(1, "")])
        .deny("sessions")
        .run(|| analyzer.sample())
        .unwrap();
    assert_eq!((rows.count("process"), rows.count("session")), (1, 0));
}
