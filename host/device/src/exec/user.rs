//! As whom a program runs: local accounts. Those of a directory service are not found here.

use std::fs;

use bailiwick_core::policy::RunAs;

/// Numbers of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Those that it also belongs to.
    pub(crate) groups: Vec<u32>,
}

/// The account of `run_as`.
///
/// # Errors
/// It is not there, or is root by another name.
pub(crate) fn account(run_as: &RunAs) -> Result<Account, String> {
    let read = |path: &str| {
        fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| format!("{path}: {error}"))
    };
    match run_as {
        RunAs::Root => Ok(Account::default()),
        RunAs::User(name) => found(name, &read("/etc/passwd")?, &read("/etc/group")?),
    }
}

fn found(name: &str, passwd: &str, group: &str) -> Result<Account, String> {
    // name:password:uid:gid:… (passwd(5)); the first line of a name counts.
    let (uid, gid) = passwd
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [known, _, uid, gid, ..] = fields.as_slice() else {
                return None;
            };
            (*known == name).then(|| Some((uid.parse().ok()?, gid.parse().ok()?)))?
        })
        .next()
        .ok_or_else(|| format!("there is no local account `{name}`: name one in `run-as`"))?;
    if uid == 0 || gid == 0 {
        return Err(format!(
            "`{name}` is root by another name: write `run-as = \"root\"`"
        ));
    }
    // name:password:gid:member,member (group(5)).
    let groups = group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields.as_slice() else {
            return None;
        };
        let is_member = members.split(',').any(|member| member == name);
        gid.parse().ok().filter(|gid| is_member && *gid != 0)
    });
    Ok(Account {
        uid,
        gid,
        groups: groups.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_with_their_groups_and_root_is_not_hidden() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nann:x:1000:1001::/:/bin/sh\n";
        let group = "root:x:0:ann\nstaff:x:50:bob,ann\nann:x:1001:\nother:x:51:anna\n";
        let ann = found("ann", passwd, group).unwrap();
        assert_eq!((ann.uid, ann.gid, ann.groups), (1000, 1001, vec![50]));
        assert!(
            found("toor", passwd, group)
                .unwrap_err()
                .contains("root by another name")
        );
        assert!(
            found("bob", passwd, group)
                .unwrap_err()
                .contains("no local account")
        );
    }
}
