//! A call as the log has it: in the words of policies, without what is nobody's business.
//!
//! The log leaves the device, and no policy says of it what it may contain. So the name of a
//! user in a path is left out, and so is the value of an argument that is called a secret. Input
//! and the values of variables are no part of a [`Call`] at all.

use std::fmt::{self, Write};

use crate::policy::{Call, Link};

/// Longest call in the log, in bytes. What is longer is cut, and ends with `…`.
pub const LONGEST_CALL: usize = 512;

/// Beneath these each folder is a user's.
const HOMES: [&str; 5] = [
    "/home/",
    "/var/home/",
    "/run/user/",
    "/Users/",
    "/export/home/",
];

/// In place of a user.
const USER: &str = "<user>";

/// In place of a secret.
const SECRET: &str = "<secret>";

/// An argument whose name has one of these is a secret.
const SECRETS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api-key",
    "credential",
];

/// `call` as it is written down, at most [`LONGEST_CALL`] bytes.
pub fn in_words(call: &Call) -> String {
    let mut cut = Cut(String::new());
    // It fails once it is full; what came until then is kept.
    if write!(cut, "{}", redacted(call)).is_err() {
        cut.0.push('…');
    }
    cut.0
}

fn redacted(call: &Call) -> Call {
    match call {
        Call::File { path, link } => Call::File {
            path: without_user(path),
            link: link.as_ref().map(|link| Link {
                to: without_user(&link.to),
                made: link.made,
            }),
        },
        Call::Run(run) => {
            let mut run = run.clone();
            run.program = without_user(&run.program);
            run.arguments = arguments(&run.arguments);
            Call::Run(run)
        }
        Call::Control(control) => {
            let mut control = control.clone();
            control.executable = without_user(&control.executable);
            Call::Control(control)
        }
        Call::Watch { path } => Call::Watch {
            path: without_user(path),
        },
        // Root is nobody's name. Whose session it is, an entry tells as events do.
        Call::Message { user } if user != "root" && !user.is_empty() => Call::Message {
            user: USER.to_owned(),
        },
        Call::Request {
            method,
            target,
            address,
        } => Call::Request {
            method: *method,
            target: target.in_outline(),
            address: *address,
        },
        other => other.clone(),
    }
}

fn arguments(given: &[String]) -> Vec<String> {
    let mut follows = false;
    given
        .iter()
        .map(|argument| {
            if std::mem::take(&mut follows) {
                return SECRET.to_owned();
            }
            match argument.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}={SECRET}"),
                Some((name, value)) => format!("{name}={}", without_user(value)),
                None => {
                    follows = argument.starts_with('-') && is_secret(argument);
                    without_user(argument)
                }
            }
        })
        .collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

fn without_user(path: &str) -> String {
    let beneath = HOMES
        .iter()
        .find_map(|home| Some((home, path.strip_prefix(home)?)));
    match beneath {
        Some((home, rest)) if !rest.is_empty() => {
            let beyond = rest.find('/').map_or("", |at| &rest[at..]);
            format!("{home}{USER}{beyond}")
        }
        Some(_) | None => path.to_owned(),
    }
}

/// Takes text until it is full.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST_CALL - '…'.len_utf8() - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let words: Vec<_> = text.split(' ').collect();
        in_words(&Call::from_words(&words).unwrap())
    }

    #[test]
    fn users_and_secrets_are_left_out_and_nothing_else_is() {
        for (call, written) in [
            ("files /etc/passwd", "files /etc/passwd"),
            ("files /home", "files /home"),
            ("files /home/alice", "files /home/<user>"),
            (
                "files /home/alice/.ssh/id link /run/user/1000/key",
                "files /home/<user>/.ssh/id link /run/user/<user>/key",
            ),
            (
                "exec /bin/x --password=a --db-token b c in=/home/a/f",
                "exec /bin/x --password=<secret> --db-token <secret> c in=/home/<user>/f",
            ),
            ("message alice", "message <user>"),
            ("message root", "message root"),
            ("wake 52:54:00:01:02:03 eth0", "wake 52:54:00:01:02:03 eth0"),
            (
                "http POST https://a.example/hooks/0123456789abcdef0123?key=b",
                "http POST https://a.example/hooks/<secret>",
            ),
        ] {
            assert_eq!(words(call), written);
        }
    }

    #[test]
    fn whatever_is_asked_is_cut_to_the_bound() {
        for letter in ["a", "ü", "\u{1f600}", "\n", " "] {
            let path = format!("/{}", letter.repeat(3_000));
            let call = Call::File { path, link: None };
            let written = in_words(&call);
            assert!(
                written.len() <= LONGEST_CALL && written.ends_with('…'),
                "{} {written}",
                written.len()
            );
        }
    }
}
