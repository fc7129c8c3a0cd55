//! Groups and who is in them, from /etc/group (group(5)).

use std::collections::BTreeSet;

use bailiwick_sdk::{Collection, Field, Rows};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "groups",
    collections,
    collect,
};

/// Groups whose members may do everything by the settings that distributions ship: Debian
/// and Ubuntu, the Red Hat family and Arch, and old Ubuntu. What the local rules of sudo
/// allow besides is not readable for anybody but root.
const ADMINISTRATORS: [&str; 3] = ["sudo", "wheel", "admin"];

fn collections() -> Vec<Collection> {
    vec![
        Collection::keyed("groups", [Field::text("name")], [Field::unsigned("gid")]),
        Collection::keyed(
            "group-members",
            [Field::text("group"), Field::text("user").personal()],
            [],
        ),
    ]
}

/// A group and those who are in it beside the accounts whose own group it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: Vec<&'a str>,
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let text = text(source);
    for group in text.lines().filter_map(parse) {
        rows.push("groups", [group.name.into(), group.gid.into()]);
        for member in group.members {
            rows.push("group-members", [group.name.into(), member.into()]);
        }
    }
}

/// The file's text; empty if it can't be read.
pub(crate) fn text(source: &mut Source) -> String {
    source.text("/etc/group").unwrap_or_default()
}

fn parse(line: &str) -> Option<Group<'_>> {
    let mut fields = line.split(':');
    let mut next = || fields.next();
    let (name, _password, gid, members) = (next()?, next()?, next()?, next()?);
    // Lines of NIS (`+:::`) name no group of this machine.
    if name.is_empty() || name.starts_with(['+', '-', '#']) {
        return None;
    }
    let members = members.split(',').map(str::trim);
    Some(Group {
        name,
        gid: gid.parse().ok()?,
        members: members.filter(|member| !member.is_empty()).collect(),
    })
}

/// Who may do everything: root, and the members of certain groups.
#[derive(Debug)]
pub(crate) struct Administrators<'a> {
    names: BTreeSet<&'a str>,
    gids: BTreeSet<u32>,
}

impl<'a> Administrators<'a> {
    /// Those whom the text of /etc/group names.
    pub(crate) fn of(text: &'a str) -> Self {
        let groups = || {
            let groups = text.lines().filter_map(parse);
            groups.filter(|group| ADMINISTRATORS.contains(&group.name))
        };
        Self {
            names: groups().flat_map(|group| group.members).collect(),
            gids: groups().map(|group| group.gid).collect(),
        }
    }

    /// Whether they include an account with this name, number and own group.
    pub(crate) fn include(&self, name: &str, uid: u32, gid: u32) -> bool {
        uid == 0 || self.names.contains(name) || self.gids.contains(&gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root:x:0:\nsudo:x:27:anna,ben\nwheel:x:10:\nvideo:x:44: eve ,\n\
                        +:::\nbroken:x\nhuge:x:99999999999:a\n";

    #[test]
    fn groups_keep_the_order_of_their_members() {
        let groups: Vec<Group<'_>> = TEXT.lines().filter_map(parse).collect();
        let group = |name, gid, members: &[&'static str]| Group {
            name,
            gid,
            members: members.to_vec(),
        };
        assert_eq!(
            groups,
            [
                group("root", 0, &[]),
                group("sudo", 27, &["anna", "ben"]),
                group("wheel", 10, &[]),
                group("video", 44, &["eve"]),
            ]
        );
    }

    #[test]
    fn administrators_are_root_and_the_members_of_their_groups() {
        let administrators = Administrators::of(TEXT);
        assert!(administrators.include("root", 0, 0));
        assert!(administrators.include("toor", 0, 5), "root by another name");
        assert!(administrators.include("ben", 1_001, 1_001));
        assert!(
            administrators.include("carl", 1_002, 10),
            "by its own group"
        );
        assert!(!administrators.include("eve", 1_003, 1_003));
    }
}
