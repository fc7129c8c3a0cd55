//! Logins that the kernel numbers, real ones and in a folder that looks like /proc.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use bailiwick_core::{
    ports::Sessions as _,
    session::{Owner, Owners, SessionState, Source},
};
use bailiwick_needs::{Login, own_uid};

use super::{
    super::{
        kernel::{Found, Look, Scanner},
        linux::Places,
        rest::Teller,
    },
    Watch, without_bus,
};

/// The promise where there is no logind.
const WITHIN: Duration = Duration::from_secs(2);

#[tokio::test]
async fn real_logins_of_one_user_open_and_close_within_two_seconds() {
    real_logins_open_and_close(Teller::Kernel(None), 0).await;
}

#[tokio::test]
async fn real_logins_open_and_close_within_two_seconds_where_nobody_tells_of_processes() {
    real_logins_open_and_close(Teller::Nobody, 3).await;
}

async fn real_logins_open_and_close(teller: Teller, nth: u32) {
    if !Login::is_possible("that logins which the kernel numbers are seen within 2 s") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mallory = own_uid(nth);
    let accounts = format!("mallory:x:{mallory}:1::/:/bin/sh\n");
    fs::write(folder.path().join("passwd"), accounts).unwrap();
    let places = Places {
        teller,
        ..without_bus(&folder)
    };
    let mut watch = Watch::begin(places).await;
    assert_eq!(watch.last.source(), Source::Kernel);
    assert!(
        watch.last.remark.contains("no-bus"),
        "{}",
        watch.last.remark
    );

    let one = Login::of(mallory).unwrap();
    let (first, took) = watch.opened(mallory).await;
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(first.facts.audit, Some(one.audit().unwrap()));
    assert_eq!(first.facts.leader.as_ref().unwrap().value, one.pid());
    assert_eq!(first.facts.user_name.as_ref().unwrap().value, "mallory");
    assert_eq!(
        first.facts.state.as_ref().unwrap().value,
        SessionState::Active
    );
    let since = first.facts.since.as_ref().unwrap().value.as_ms();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    assert!(now.abs_diff(u128::from(since)) < 60_000, "{since}");

    let two = Login::of(mallory).unwrap();
    let (second, took) = watch.opened(mallory).await;
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(second.facts.audit, Some(two.audit().unwrap()));

    let all: Vec<_> = watch.tracker.sessions().cloned().collect();
    let owners = Owners::new(&all);
    let processes = watch.port.processes().await.unwrap();
    let of_one = processes
        .iter()
        .filter(|marks| marks.audit == Some(one.audit().unwrap()));
    assert!(of_one.clone().count() >= 1);
    for marks in of_one {
        assert_eq!(owners.of(marks), Owner::Session(&first.id));
    }

    drop(one);
    let took = watch.closed(&first).await;
    assert!(took < WITHIN, "{took:?}");
    assert!(watch.tracker.sessions().any(|open| open.id == second.id));
    drop(two);
    watch.closed(&second).await;
}

/// Processes as /proc shows them.
pub(super) struct Proc(tempfile::TempDir);

impl Proc {
    pub(super) fn new() -> Self {
        let proc = Self(tempfile::tempdir().unwrap());
        fs::write(proc.path().join("stat"), "cpu 1\nbtime 1000\n").unwrap();
        proc.load("1/100 1");
        proc
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn load(&self, tasks: &str) {
        fs::write(
            self.path().join("loadavg"),
            format!("0.1 0.2 0.3 {tasks}\n"),
        )
        .unwrap();
    }

    pub(super) fn process(&self, pid: u32, name: &str, audit: u32, uid: u32, ticks: u64) {
        let folder = self.path().join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("sessionid"), audit.to_string()).unwrap();
        fs::write(folder.join("loginuid"), uid.to_string()).unwrap();
        let stat =
            format!("{pid} ({name}) S 1 2 3 0 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {ticks} 20");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("cgroup"), "0::/\n").unwrap();
    }

    /// Makes `pid` one of the kernel's own, by the flags that it has there.
    fn kernel_thread(&self, pid: u32) {
        let file = self.path().join(format!("{pid}/stat"));
        let stat = fs::read_to_string(&file).unwrap();
        fs::write(
            file,
            stat.replace(" S 1 2 3 0 5 6 ", " S 2 0 0 0 -1 2129984 "),
        )
        .unwrap();
    }

    /// Makes `pid` a child of `parent`.
    fn child(&self, pid: u32, parent: u32) {
        let file = self.path().join(format!("{pid}/stat"));
        let stat = fs::read_to_string(&file).unwrap();
        fs::write(file, stat.replace(" S 1 ", &format!(" S {parent} "))).unwrap();
    }

    /// Has `pid` hold a connection whose other end is `from`.
    fn holds_connection(&self, pid: u32, from: [u8; 4]) {
        let folder = self.path().join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("net")).unwrap();
        symlink("socket:[4711]", folder.join("fd/4")).unwrap();
        let from = u32::from_ne_bytes(from);
        let table = format!(
            "sl local_address rem_address st\n\
             0: 00000000:0016 00000000:0000 0A 0:0 00:0 0 0 0 4710 1\n\
             1: 0100007F:0016 {from:08X}:C350 01 0:0 02:0 0 0 0 4711 2\n"
        );
        fs::write(folder.join("net/tcp"), table).unwrap();
    }

    /// Gives `pid` a terminal, by its number.
    fn at_terminal(&self, pid: u32, number: u32) {
        let file = self.path().join(format!("{pid}/stat"));
        let stat = fs::read_to_string(&file).unwrap();
        fs::write(
            file,
            stat.replace(" 2 3 0 5 6 ", &format!(" 2 3 {number} 5 6 ")),
        )
        .unwrap();
    }

    pub(super) fn end(&self, pid: u32) {
        fs::remove_dir_all(self.path().join(pid.to_string())).unwrap();
    }
}

pub(super) const UNSET: u32 = u32::MAX;

#[test]
fn a_login_is_at_the_terminal_of_its_oldest_process_that_has_one() {
    let proc = Proc::new();
    let start = std::time::Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let terminal = |found: &Found| found.seen[0].terminal.clone();
    // What serves a login from elsewhere has none, and makes a shell that has.
    proc.process(60, "sshd", 8, 1000, 5);
    assert_eq!(terminal(&scanner.scan(start).unwrap()), None);
    proc.process(61, "helper", 8, 1000, 8);
    proc.load("1/101 61");
    assert_ne!(scanner.look(after(1)), Look::Due);
    proc.process(62, "bash", 8, 1000, 9);
    proc.at_terminal(62, 0x8803);
    proc.load("1/102 62");
    assert_eq!(scanner.look(after(2)), Look::Due);
    let shell = Some("pts/3".to_owned());
    assert_eq!(terminal(&scanner.scan(after(2)).unwrap()), shell);
    // One that it opens within is not the login's.
    proc.process(63, "tmux", 8, 1000, 20);
    proc.at_terminal(63, 0x8804);
    proc.load("1/103 63");
    assert_ne!(scanner.look(after(3)), Look::Due);
    proc.end(62);
    assert_eq!(terminal(&scanner.scan(after(4)).unwrap()), shell);
    // Of one that began without, nothing is asked after a while.
    proc.process(70, "sshd", 9, 1000, 30);
    scanner.scan(after(10)).unwrap();
    proc.process(71, "bash", 9, 1000, 31);
    proc.at_terminal(71, 0x8805);
    proc.load("1/105 71");
    assert_ne!(scanner.look(after(16)), Look::Due);
}

#[test]
fn a_machine_on_which_nothing_happens_is_not_looked_through() {
    let proc = Proc::new();
    proc.process(1, "init", UNSET, UNSET, 1);
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let start = std::time::Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(scanner.look(start), Look::Due);
    scanner.scan(start).unwrap();
    assert_ne!(scanner.look(after(2)), Look::Due);
    // Its one process is young, so it may yet get a number.
    proc.process(1, "init", 5, 1000, 1);
    assert_eq!(scanner.look(after(4)), Look::Due);
    scanner.scan(after(4)).unwrap();
    assert_ne!(scanner.look(after(12)), Look::Due);
    // A process that is of no login, or of one that is known; and an id that was given to
    // one that is gone already.
    proc.process(3, "cron", UNSET, UNSET, 3);
    proc.process(4, "sh", 5, 1000, 3);
    proc.load("1/102 5");
    assert_ne!(scanner.look(after(13)), Look::Due);
    // Only how many are busy.
    proc.load("9/102 5");
    assert_eq!(scanner.look(after(14)), Look::Stirred, "one is young");
    // One that has no login by now, then has.
    proc.process(3, "cron", 6, 1000, 3);
    assert_eq!(scanner.look(after(15)), Look::Due);
    assert_eq!(numbers(&scanner.scan(after(15)).unwrap()), [5, 6]);
    // The end of another than a login's first process.
    proc.end(4);
    proc.load("1/101 5");
    assert_ne!(scanner.look(after(16)), Look::Due);
    proc.end(3);
    proc.load("1/100 5");
    assert_eq!(scanner.look(after(17)), Look::Due);
    assert_eq!(numbers(&scanner.scan(after(17)).unwrap()), [5]);
    assert_eq!(scanner.look(after(118)), Look::Calm);
    // The kernel's own workers come all the time.
    proc.process(6, "kworker/0:1", UNSET, UNSET, 4);
    proc.kernel_thread(6);
    proc.load("1/101 6");
    assert_eq!(scanner.look(after(119)), Look::Calm);
    assert_eq!(
        scanner.look(after(120)),
        Look::Due,
        "everything is read again now and then"
    );
}

#[test]
fn after_many_new_processes_all_are_looked_through() {
    let proc = Proc::new();
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let start = std::time::Instant::now();
    proc.load("1/100 30000");
    scanner.scan(start).unwrap();
    proc.load("1/100 30064");
    assert_ne!(scanner.look(start), Look::Due);
    proc.load("1/100 30129");
    assert_eq!(scanner.look(start), Look::Due);
    // Until it was done.
    assert_eq!(scanner.look(start), Look::Due);
    scanner.scan(start).unwrap();
    assert_ne!(scanner.look(start), Look::Due);
    // Ids begin again at the lowest.
    proc.load("1/100 2");
    assert_eq!(scanner.look(start), Look::Due);
}

#[test]
fn who_is_watched_ends() {
    let proc = Proc::new();
    proc.process(8, "sshd", UNSET, UNSET, 1);
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let start = std::time::Instant::now();
    scanner.scan(start).unwrap();
    scanner.watch([8].into());
    proc.load("1/99 1");
    assert_ne!(scanner.look(start), Look::Due);
    proc.end(8);
    proc.load("1/98 1");
    assert_eq!(scanner.look(start), Look::Due);
}

fn numbers(found: &Found) -> Vec<u32> {
    found.seen.iter().filter_map(|seen| seen.audit).collect()
}

#[test]
fn a_number_is_found_whenever_it_was_given() {
    let proc = Proc::new();
    proc.process(50, "agetty", UNSET, UNSET, 1);
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let start = std::time::Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    scanner.scan(start).unwrap();
    // To a process that is still young.
    proc.process(50, "login", 7, 1000, 1);
    assert_eq!(numbers(&scanner.scan(after(2)).unwrap()), [7]);
    // To an old one that made another: the new one has it too, and the old one is the first.
    proc.process(60, "sshd", UNSET, UNSET, 5);
    proc.load("1/100 60");
    scanner.scan(after(3)).unwrap();
    proc.process(60, "sshd", 8, 1000, 5);
    proc.process(61, "sh", 8, 1000, 9);
    proc.child(61, 60);
    proc.load("1/101 61");
    assert_eq!(scanner.look(after(20)), Look::Due);
    let found = scanner.scan(after(20)).unwrap();
    assert_eq!(numbers(&found), [7, 8]);
    assert_eq!(found.seen[1].leader, Some(60));
    assert_eq!(found.seen[1].kind.unwrap().to_string(), "remote (ssh)");
    // To an old one that made none: when everything is read again.
    proc.process(70, "agetty", UNSET, UNSET, 5);
    scanner.scan(after(21)).unwrap();
    scanner.scan(after(31)).unwrap();
    proc.process(70, "login", 9, 1000, 5);
    assert_eq!(numbers(&scanner.scan(after(32)).unwrap()), [7, 8]);
    assert_eq!(numbers(&scanner.scan(after(121)).unwrap()), [7, 8, 9]);
    // A process id that is another process by now, at once: it was given again.
    proc.process(70, "cron", UNSET, UNSET, 5);
    proc.load("1/101 71");
    assert_eq!(numbers(&scanner.scan(after(122)).unwrap()), [7, 8]);
    proc.end(50);
    assert_eq!(numbers(&scanner.scan(after(123)).unwrap()), [8]);
}

#[test]
fn the_first_process_tells_the_kind_and_the_users_services_are_no_login() {
    let proc = Proc::new();
    proc.process(90, "sshd", 3, 1000, 500);
    proc.process(30, "bash", 3, 1000, 700);
    proc.holds_connection(90, [192, 0, 2, 7]);
    proc.process(91, "systemd", 4, 1000, 600);
    let services = "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n";
    fs::write(proc.path().join("91/cgroup"), services).unwrap();
    let mut scanner = Scanner::new(proc.path().to_owned(), None);
    let found = scanner.scan(std::time::Instant::now()).unwrap();
    assert_eq!(found.running, [30, 90, 91]);
    let [seen] = found.seen.as_slice() else {
        panic!("{:?}", found.seen);
    };
    assert_eq!(seen.leader, Some(90));
    assert_eq!(seen.kind.unwrap().to_string(), "remote (ssh)");
    assert_eq!(seen.client_address, Some([192, 0, 2, 7].into()));
    assert_eq!(seen.since.unwrap().as_ms(), 1_005_000);
}
