//! As whom a program runs: accounts of this machine, and of sessions those of a directory
//! service, too, as the processes of their user have them: a static program can't load
//! what asks a directory.

use std::{fs, os::unix::fs::MetadataExt as _};

use rustix::process::geteuid;

use super::{line::Told, living};

/// Whom an order names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    /// An account of this machine.
    Named(String),
    /// The user of a session, who is not root.
    Session(u32),
    /// Whoever that is, found out.
    Account(Account),
}

impl Who {
    /// As one word and what belongs to it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Root => "root".to_owned(),
            Self::Named(name) => format!("named {name}"),
            Self::Session(uid) => format!("session {uid}"),
            Self::Account(Account { uid, gid, groups }) => {
                let groups = groups.iter().map(|group| format!(" {group}"));
                format!("account {uid} {gid}{}", groups.collect::<String>())
            }
        }
    }

    /// None if this is none of them.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "root" => rest.is_empty().then_some(Self::Root),
            "named" => Some(Self::Named(rest.to_owned())),
            "session" => rest.parse().ok().map(Self::Session),
            "account" => {
                let mut numbers = rest.split(' ').map(|number| number.parse().ok());
                Some(Self::Account(Account {
                    uid: numbers.next()??,
                    gid: numbers.next()??,
                    groups: numbers.collect::<Option<_>>()?,
                }))
            }
            _ => None,
        }
    }
}

/// Finds out whom `told` names, and adds the variables by which programs know a session's
/// user, if the order does not have them.
///
/// # Errors
/// There is no such account, or this process may not become it.
pub(crate) fn find(told: &mut Told) -> Result<(), String> {
    let (account, name) = match &told.user {
        Who::Root => (Account::default(), "root"),
        Who::Named(name) => (named(name)?, name.as_str()),
        Who::Session(uid) => {
            let person = person(*uid)?;
            for (name, value) in person.variables() {
                // What the policy says counts.
                if told.environment.iter().all(|(known, _)| known != name) {
                    told.environment.push((name.to_owned(), value));
                }
            }
            (person.account, "the session's user")
        }
        Who::Account(_) => return Ok(()),
    };
    let own = geteuid();
    if !own.is_root() && account.uid != own.as_raw() {
        return Err(format!(
            "the agent is not root, so it can't run a program as `{name}`"
        ));
    }
    told.user = Who::Account(account);
    Ok(())
}

/// Numbers of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Those that it also belongs to.
    pub(crate) groups: Vec<u32>,
}

/// The user of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) account: Account,
    /// Empty if nothing tells.
    pub(super) name: String,
    /// The same.
    pub(super) home: String,
}

impl Person {
    /// The variables by which programs know their user.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("HOME", self.home.clone()),
            ("USER", self.name.clone()),
            ("LOGNAME", self.name.clone()),
        ];
        variables.retain(|(_, value)| !value.is_empty());
        let uid = self.account.uid;
        let runtime = format!("/run/user/{uid}");
        // It is there while logind holds the user's session; nobody else's will do.
        let is_own = |found: fs::Metadata| found.is_dir() && found.uid() == uid;
        if fs::symlink_metadata(&runtime).is_ok_and(is_own) {
            variables.push(("XDG_RUNTIME_DIR", runtime));
        }
        variables
    }
}

/// The account called `name`.
///
/// # Errors
/// It is not there, or is root by another name.
pub(crate) fn named(name: &str) -> Result<Account, String> {
    let (passwd, group) = read()?;
    let mut lines = passwd.lines().filter_map(Line::read);
    let line = lines.find(|line| line.name == name);
    let line =
        line.ok_or_else(|| format!("there is no local account `{name}`: name one in `run-as`"))?;
    line.account(&group)
        .ok_or_else(|| format!("`{name}` is root by another name: write `run-as = \"root\"`"))
}

/// The account with this id. One that this machine does not keep is as its processes are.
///
/// # Errors
/// It is not there and has no process, or is root, or of root's group.
pub(crate) fn person(uid: u32) -> Result<Person, String> {
    let (passwd, group) = read()?;
    match person_in(uid, &passwd, &group)? {
        Some(person) => Ok(person),
        None => living::person(uid).ok_or_else(|| {
            // The plugin is told this, and the log: neither knows the user by it.
            "the session's user has neither a local account nor a process".to_owned()
        }),
    }
}

/// None if there is no such account.
fn person_in(uid: u32, passwd: &str, group: &str) -> Result<Option<Person>, String> {
    let mut lines = passwd.lines().filter_map(Line::read);
    let Some(line) = lines.find(|line| line.uid == uid) else {
        return Ok(None);
    };
    let account = line
        .account(group)
        .ok_or("the session's user is root, or of root's group")?;
    Ok(Some(Person {
        account,
        name: line.name.to_owned(),
        home: line.home.to_owned(),
    }))
}

fn read() -> Result<(String, String), String> {
    let read = |path: &str| {
        fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| format!("{path}: {error}"))
    };
    Ok((read("/etc/passwd")?, read("/etc/group")?))
}

/// name:password:uid:gid:words:home:shell (passwd(5)); the first line of a name counts.
struct Line<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            name,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home,
        })
    }

    /// None if it is root by any name.
    fn account(&self, group: &str) -> Option<Account> {
        // name:password:gid:member,member (group(5)).
        let groups = group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, gid, members] = fields.as_slice() else {
                return None;
            };
            let is_member = members.split(',').any(|member| member == self.name);
            gid.parse().ok().filter(|gid| is_member && *gid != 0)
        });
        let account = Account {
            uid: self.uid,
            gid: self.gid,
            groups: groups.collect(),
        };
        (self.uid != 0 && self.gid != 0).then_some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\nbroken\nrob:x:1002:0::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:ann\nstaff:x:50:bob,ann\nann:x:1001:\nother:x:51:anna\n";

    #[test]
    fn a_session_s_user_is_found_with_groups_and_variables() {
        let ann = person_in(1000, PASSWD, GROUP).unwrap().unwrap();
        let account = &ann.account;
        assert_eq!((account.uid, account.gid), (1000, 1001));
        assert_eq!(account.groups, [50], "and not root's");
        let variables = ann.variables();
        let of = |wanted| variables.iter().find(|(name, _)| *name == wanted);
        assert_eq!(of("HOME").unwrap().1, "/home/ann");
        assert_eq!(
            (&of("USER").unwrap().1, &of("LOGNAME").unwrap().1),
            (&ann.name, &ann.name)
        );
        assert_eq!(person_in(7, PASSWD, GROUP), Ok(None));
        for (uid, expected) in [(0, "is root"), (1002, "of root's group")] {
            let refused = person_in(uid, PASSWD, GROUP).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn whom_an_order_names_is_written_and_read() {
        let account = |groups: &[u32]| {
            Who::Account(Account {
                uid: 1000,
                gid: 1001,
                groups: groups.to_vec(),
            })
        };
        for who in [
            Who::Root,
            Who::Named("ann".to_owned()),
            Who::Session(1000),
            account(&[]),
            account(&[7, 9]),
        ] {
            assert_eq!(Who::from_text(&who.to_text()), Some(who));
        }
        for text in [
            "",
            "root x",
            "session",
            "session x",
            "account 1",
            "account 1 2 x",
            "toor",
        ] {
            assert_eq!(Who::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn an_account_is_found_by_its_name_and_root_is_not_hidden() {
        let nobody = named("nobody").unwrap();
        assert!(nobody.uid != 0 && nobody.gid != 0);
        let refused = named("root").unwrap_err();
        assert!(refused.contains("root by another name"), "{refused}");
        let refused = named("nobody-at-all").unwrap_err();
        assert!(refused.contains("no local account"), "{refused}");
    }
}
