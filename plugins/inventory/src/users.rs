//! Accounts, from /etc/passwd (passwd(5)).

use bailiwick_sdk::{Cell, Collection, Field, Rows};

use crate::{
    Subject,
    groups::{self, Administrators},
    source::Source,
};

pub(crate) const SUBJECT: Subject = Subject {
    name: "users",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    vec![Collection::keyed(
        "users",
        [Field::text("name").personal()],
        [
            Field::unsigned("uid"),
            Field::unsigned("gid"),
            Field::text("full-name").personal(),
            Field::text("home").personal(),
            Field::text("shell"),
            Field::boolean("administrator"),
        ],
    )]
}

#[derive(Debug, PartialEq, Eq)]
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    full_name: &'a str,
    home: &'a str,
    shell: &'a str,
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let text = source.text("/etc/passwd").unwrap_or_default();
    let groups = groups::text(source);
    let administrators = Administrators::of(&groups);
    for user in text.lines().filter_map(parse) {
        rows.push(
            "users",
            [
                user.name.into(),
                user.uid.into(),
                user.gid.into(),
                Cell::text_if_any(user.full_name),
                Cell::text_if_any(user.home),
                Cell::text_if_any(user.shell),
                administrators.include(user.name, user.uid, user.gid).into(),
            ],
        );
    }
}

fn parse(line: &str) -> Option<User<'_>> {
    let mut fields = line.split(':');
    let mut next = || fields.next();
    let (name, _password, uid, gid) = (next()?, next()?, next()?, next()?);
    let (comment, home, shell) = (next()?, next()?, next()?);
    // Lines of NIS (`+::::::`) name no account of this machine.
    if name.is_empty() || name.starts_with(['+', '-', '#']) {
        return None;
    }
    Some(User {
        name,
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        // Then come room and telephone numbers, which nobody needs here.
        full_name: comment.split(',').next().unwrap_or_default(),
        home,
        shell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_without_its_telephone() {
        assert_eq!(
            parse("anna:x:1000:1001:Anna Muster,12,+43 1 234,:/home/anna:/bin/bash"),
            Some(User {
                name: "anna",
                uid: 1000,
                gid: 1001,
                full_name: "Anna Muster",
                home: "/home/anna",
                shell: "/bin/bash",
            })
        );
    }

    #[test]
    fn what_is_no_account_is_left_out() {
        for line in [
            "",
            "+::::::",
            "anna:x",
            "anna:x:-1:0:::",
            "anna:x:99999999999:0:::",
            "# a:x:1:1:::",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
