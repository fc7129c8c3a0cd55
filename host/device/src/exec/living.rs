//! A user as its processes are: whoever logged it in gave them its groups and variables.

use std::fs;

use super::user::{Account, Person};

/// Longest value that is taken from a process: its user may have written it.
const LONGEST: usize = 4_096;

/// What the oldest process (by number) of this user has. A user can give its processes
/// nothing that it does not have itself. None if it has none, or all are of root's group.
pub(super) fn person(uid: u32) -> Option<Person> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut pids: Vec<u32> = pids.collect();
    pids.sort_unstable();
    pids.into_iter().find_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let account = account(&status, uid)?;
        // Whoever shows nothing of it is still this user.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        Some(Person {
            account,
            name: variable(&environment, "USER").unwrap_or_default(),
            home: variable(&environment, "HOME").unwrap_or_default(),
        })
    })
}

/// The ids in `/proc/PID/status` (proc_pid_status(5)), if the process is this user's in
/// every respect.
fn account(status: &str, uid: u32) -> Option<Account> {
    let numbers = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let numbers = line.split_whitespace().map(str::parse);
        numbers.collect::<Result<Vec<u32>, _>>().ok()
    };
    if numbers("Uid:")? != [uid; 4] {
        return None;
    }
    let gid = *numbers("Gid:")?.first()?;
    let mut groups = numbers("Groups:")?;
    groups.retain(|group| *group != 0 && *group != gid);
    (uid != 0 && gid != 0).then_some(Account { uid, gid, groups })
}

fn variable(environment: &[u8], name: &str) -> Option<String> {
    let mut lines = environment.split(|byte| *byte == 0);
    let value = lines.find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })?;
    let fits = value.len() <= LONGEST && !value.chars().any(char::is_control);
    fits.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn ids_are_those_of_a_process_that_is_the_user_s_in_every_respect() {
        let status = |uids: &str, gid: u32| {
            format!("Name:\tUid: 7\nUid:\t{uids}\nGid:\t{gid}\t9\t9\t9\nGroups:\t0 50 9 1001 \n")
        };
        let own = account(&status("7\t7\t7\t7", 9), 7).unwrap();
        assert_eq!((own.uid, own.gid, own.groups), (7, 9, vec![50, 1001]));
        for (uids, gid) in [
            ("7\t0\t7\t7", 9),
            ("8\t8\t8\t8", 9),
            ("7\t7\t7\t7", 0),
            ("", 9),
        ] {
            assert_eq!(account(&status(uids, gid), 7), None, "{uids} {gid}");
        }
        assert_eq!(account("", 7), None);
    }

    #[test]
    fn a_variable_is_text_without_surprises() {
        let environment = b"HOMEX=/x\0HOME=/home/ann\0USER=a\nb\0LANG=\xff\0";
        assert_eq!(variable(environment, "HOME").as_deref(), Some("/home/ann"));
        for name in ["USER", "LANG", "SHELL"] {
            assert_eq!(variable(environment, name), None);
        }
    }

    #[test]
    fn a_user_without_an_account_is_as_its_process_is() {
        if !bailiwick_needs::root("that users of a directory service are found") {
            return;
        }
        let uid = bailiwick_needs::own_uid(7);
        assert_eq!(person(uid), None);
        let mut process = Command::new("setpriv")
            .args([
                "--reuid",
                &uid.to_string(),
                "--regid",
                "4321",
                "--groups",
                "4321,50,1001",
            ])
            .args(["sh", "-c", "echo ready; read line"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/home/far")
            .env("USER", "far")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut told = std::io::BufReader::new(process.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut ready).unwrap();
        let found = person(uid);
        process.kill().unwrap();
        process.wait().unwrap();
        let expected = Person {
            account: Account {
                uid,
                gid: 4321,
                groups: vec![50, 1001],
            },
            name: "far".to_owned(),
            home: "/home/far".to_owned(),
        };
        assert_eq!(found, Some(expected));
    }
}
