//! A call that a plugin could make, in words: what policies' cases and `policy explain` take.

use std::{fmt, net::IpAddr};

use super::{
    Capability, Control, ControlVerb, Fields, Found, LONGEST_PATH, Linked, Mac, PowerVerb,
    Presence, Redaction, Sensitive, parse_wakes::mac_prefix,
};
use crate::{
    bytes::ByteCount,
    http::{Method, Target},
};

/// One call of a capability, with all that decides about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Any call of a capability that has no parts.
    Whole(Capability),
    /// A file is read, or a directory listed.
    File {
        /// As the plugin names it.
        path: String,
        /// Where symbolic links on the way lead, if there are any.
        link: Option<Link>,
    },
    /// Processes are read.
    Processes(Look),
    /// Sessions are read.
    Sessions(Look),
    /// Fields of the system or the network are read, by which a device or a person is known.
    Facts {
        /// Which of the two.
        of: Capability,
        /// How much of which.
        fields: Fields,
    },
    /// A program is run.
    Run(Run),
    /// A neighbour is woken.
    Wake {
        /// Whom.
        mac: Mac,
        /// On which link.
        link: String,
        /// Whether the link is a virtual one.
        is_virtual: bool,
    },
    /// Something is done to a process.
    Control(Control),
    /// The user of a session is told something.
    Message {
        /// The user's name.
        user: String,
    },
    /// Something is done to the whole device.
    Power {
        /// What.
        verb: PowerVerb,
        /// Who is there.
        users: Presence,
    },
    /// A change of a file is told.
    Watch {
        /// Where.
        path: String,
    },
    /// A request over HTTP is sent.
    Request {
        /// What it asks for.
        method: Method,
        /// Where.
        target: Target,
        /// What its name stands for, if that matters.
        address: Option<IpAddr>,
    },
}

/// Where a path leads once its symbolic links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name without links.
    pub to: String,
    /// Who can have made them.
    pub made: Linked,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whose.
    pub at: Of,
    /// Which fields of those that are not always seen.
    pub fields: Fields,
}

/// Whose processes or sessions, as seen from one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Of the session for which the instance runs.
    OwnSession,
    /// Of another session.
    OtherSession,
    /// Of no session. Only processes can be.
    System,
}

/// A run of a program: as [`super::Asked`], owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The program's path.
    pub program: String,
    /// Without the program's name.
    pub arguments: Vec<String>,
    /// Names of the variables that it shall have.
    pub environment: Vec<String>,
    /// How much input it shall have.
    pub input: ByteCount,
    /// Whether a session is named, as whose user it shall run.
    pub session: bool,
}

/// Words that are no call. Shown with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; write {instead}")]
pub struct CallError {
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub instead: &'static str,
}

/// How each kind of call is written, for people.
pub const CALLS: &str = "\
files PATH                     read or list PATH
files PATH link TARGET         PATH, where links of root or of TARGET's owner lead to TARGET
files PATH foreign-link TARGET the same, where somebody else made a link
processes own|other|system [user] [command-line]
                               see processes of the own session, another, or none
sessions own|other [user] [place]
                               see the own session, or another; of either a field as it is, or as
                               in user:hash its digest, or as in user:8 its first 8 characters
exec [as-session] [with=NAME]… [input=SIZE] PROGRAM [ARGUMENT]…
                               run PROGRAM; with variables NAME, and so much input
wake MAC LINK [virtual]        wake MAC on LINK
process-control end|suspend|resume PROGRAM named-session|other-session|service|root
                               do so to a process of PROGRAM, of the session that the call
                               names, of another, of no session, or of root
message USER                   show USER a message
power lock|suspend|hibernate|reboot|power-off nobody|away|present
                               do so while users are there so
watch PATH                     be told that PATH changed
http METHOD URL [ADDRESS]      ask URL, whose name stands for ADDRESS
system [host-name] [mount-point]
network [mac] [address]        any call of it, and those fields of what it tells
log, clock, state or config    any call of it";

const EVERY: &str = "the name of a capability first: log, clock, state, config, system, files, \
                     network, processes, sessions, exec, wake, process-control, http, message, \
                     power or watch";
const FILES: &str = "`files PATH`, and `link TARGET` or `foreign-link TARGET` where links lead";
const PROCESSES: &str = "`processes own`, `other` or `system`, then `user` and `command-line`";
const FACTS: &str =
    "`system`, then `host-name` and `mount-point`; `network`, then `mac` and `address`";
const SESSIONS: &str = "`sessions own` or `other`, then `user`, `place` and `client`";
const EXEC: &str = "`exec PROGRAM ARGUMENT…`, with `as-session`, `with=NAME` and `input=SIZE` \
                    before the program";
const CONTROL: &str = "`process-control end /usr/bin/soffice named-session`, or `suspend` or \
                       `resume`, and `other-session`, `service` or `root`";
const MESSAGE: &str = "`message ann`, the name of one user";
const POWER: &str = "`power reboot away`: a verb, and `nobody`, `away` or `present`";
const WATCH: &str = "`watch /etc/hosts`, the path of one file";
const HTTP: &str = "`http GET https://api.example.com/v1`, and what the name stands for, as in \
                    `10.0.0.7`, if that matters";
const WAKE: &str = "`wake 52:54:00:01:02:03 eth0`, and `virtual` if the link is a virtual one";

fn refuse<T>(problem: impl Into<String>, instead: &'static str) -> Result<T, CallError> {
    let problem = problem.into();
    Err(CallError { problem, instead })
}

impl Call {
    /// Reads a call from its words, the capability first. See [`CALLS`].
    ///
    /// # Errors
    /// They are no call, and what to write instead.
    pub fn from_words<W: AsRef<str>>(words: &[W]) -> Result<Self, CallError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let Some((first, rest)) = words.split_first() else {
            return refuse("the call has no words", EVERY);
        };
        let Some(capability) = Capability::named(first) else {
            return refuse(format!("`{}` is no capability", shown(first)), EVERY);
        };
        match capability {
            Capability::Files => file(rest),
            Capability::Processes => look(rest, capability, PROCESSES).map(Self::Processes),
            Capability::Sessions => match look(rest, capability, SESSIONS)? {
                Look { at: Of::System, .. } => refuse("the system is no session", SESSIONS),
                look => Ok(Self::Sessions(look)),
            },
            Capability::System | Capability::Network if !rest.is_empty() => {
                let fields = fields(rest, capability, FACTS)?;
                let of = capability;
                Ok(Self::Facts { of, fields })
            }
            Capability::Exec => run(rest),
            Capability::Wake => wake(rest),
            Capability::ProcessControl => control(rest),
            Capability::Message => match rest {
                [user] => Ok(Self::Message {
                    user: (*user).to_owned(),
                }),
                _ => refuse("`message` takes one user", MESSAGE),
            },
            Capability::Power => power(rest),
            Capability::Http => request(rest),
            Capability::Watch => match rest {
                [path] => Ok(Self::Watch {
                    path: (*path).to_owned(),
                }),
                _ => refuse("`watch` takes one path", WATCH),
            },
            Capability::Log
            | Capability::Clock
            | Capability::State
            | Capability::Config
            | Capability::System
            | Capability::Network => match rest.first() {
                None => Ok(Self::Whole(capability)),
                Some(_) => refuse(
                    format!("`{capability}` has no parts, so nothing follows it"),
                    "its name alone",
                ),
            },
        }
    }

    /// Which capability is called.
    pub const fn capability(&self) -> Capability {
        match self {
            Self::Whole(capability) => *capability,
            Self::File { .. } => Capability::Files,
            Self::Processes(_) => Capability::Processes,
            Self::Sessions(_) => Capability::Sessions,
            Self::Facts { of, .. } => *of,
            Self::Run(_) => Capability::Exec,
            Self::Wake { .. } => Capability::Wake,
            Self::Control(_) => Capability::ProcessControl,
            Self::Message { .. } => Capability::Message,
            Self::Power { .. } => Capability::Power,
            Self::Request { .. } => Capability::Http,
            Self::Watch { .. } => Capability::Watch,
        }
    }
}

fn file(words: &[&str]) -> Result<Call, CallError> {
    let (path, link) = match words {
        [path] => (path, None),
        [path, "link", to] => (path, Some((to, Linked::ByItsOwner))),
        [path, "foreign-link", to] => (path, Some((to, Linked::ByOthers))),
        _ => return refuse("`files` takes one path", FILES),
    };
    Ok(Call::File {
        path: (*path).to_owned(),
        link: link.map(|(to, made)| Link {
            to: (*to).to_owned(),
            made,
        }),
    })
}

fn look(words: &[&str], capability: Capability, instead: &'static str) -> Result<Look, CallError> {
    let Some((of, named)) = words.split_first() else {
        return refuse("it is not said whose are seen", instead);
    };
    let at = match *of {
        "own" => Of::OwnSession,
        "other" => Of::OtherSession,
        "system" => Of::System,
        other => return refuse(format!("`{}` is nobody's", shown(other)), instead),
    };
    let fields = fields(named, capability, instead)?;
    Ok(Look { at, fields })
}

fn fields(
    words: &[&str],
    capability: Capability,
    instead: &'static str,
) -> Result<Fields, CallError> {
    let mut seen = Fields::NONE;
    for word in words {
        let (name, redaction) = match word.split_once(':') {
            Some((name, asked)) => (name, Redaction::parse(asked)),
            None => (*word, Some(Redaction::Whole)),
        };
        let mut fields = Sensitive::of(capability).iter();
        let field = fields.find(|field| field.name() == name);
        match (field, redaction) {
            (Some(field), Some(redaction)) => seen = seen.given(*field, redaction),
            _ => return refuse(format!("`{}` is no field", shown(word)), instead),
        }
    }
    Ok(seen)
}

fn run(words: &[&str]) -> Result<Call, CallError> {
    let mut run = Run {
        program: String::new(),
        arguments: Vec::new(),
        environment: Vec::new(),
        input: ByteCount::new(0),
        session: false,
    };
    let mut words = words.iter();
    for word in words.by_ref() {
        if *word == "as-session" {
            run.session = true;
        } else if let Some(name) = word.strip_prefix("with=") {
            run.environment.push(name.to_owned());
        } else if let Some(size) = word.strip_prefix("input=") {
            match size.parse() {
                Ok(size) => run.input = size,
                Err(_) => return refuse(format!("`{}` is no size", shown(size)), EXEC),
            }
        } else {
            run.program = (*word).to_owned();
            run.arguments = words.map(|word| (*word).to_owned()).collect();
            return Ok(Call::Run(run));
        }
    }
    refuse("no program is named", EXEC)
}

fn wake(words: &[&str]) -> Result<Call, CallError> {
    let (mac, link, is_virtual) = match words {
        [mac, link] => (mac, link, false),
        [mac, link, "virtual"] => (mac, link, true),
        _ => return refuse("`wake` takes an address and a link", WAKE),
    };
    let Some(mac) = mac_prefix(mac).and_then(|bytes| Mac::try_from(bytes).ok()) else {
        return refuse(format!("`{}` is no Ethernet address", shown(mac)), WAKE);
    };
    Ok(Call::Wake {
        mac,
        link: (*link).to_owned(),
        is_virtual,
    })
}

fn control(words: &[&str]) -> Result<Call, CallError> {
    let [verb, executable, found] = words else {
        return refuse(
            "`process-control` takes a verb, a program and whose it is",
            CONTROL,
        );
    };
    let verb = ControlVerb::ALL.into_iter().find(|it| it.name() == *verb);
    let found = Found::ALL.into_iter().find(|it| it.name() == *found);
    match (verb, found) {
        (Some(verb), Some(found)) => Ok(Call::Control(Control {
            verb,
            executable: (*executable).to_owned(),
            found,
        })),
        (None, _) => refuse(format!("`{}` is no verb", shown(words[0])), CONTROL),
        (_, None) => refuse(format!("`{}` is nobody's", shown(words[2])), CONTROL),
    }
}

fn power(words: &[&str]) -> Result<Call, CallError> {
    let [verb, users] = words else {
        return refuse("`power` takes a verb and who is there", POWER);
    };
    let named = PowerVerb::ALL.into_iter().find(|it| it.name() == *verb);
    let there = Presence::ALL.into_iter().find(|it| it.name() == *users);
    match (named, there) {
        (Some(verb), Some(users)) => Ok(Call::Power { verb, users }),
        (None, _) => refuse(format!("`{}` is no verb", shown(verb)), POWER),
        (_, None) => refuse(format!("`{}` is nobody", shown(users)), POWER),
    }
}

fn request(words: &[&str]) -> Result<Call, CallError> {
    let (method, url, address) = match words {
        [method, url] => (method, url, None),
        [method, url, address] => (method, url, Some(address)),
        _ => return refuse("`http` takes a method and an address", HTTP),
    };
    let Some(method) = Method::named(method) else {
        let problem = format!("`{}` is no method that can be granted", shown(method));
        return refuse(problem, HTTP);
    };
    let target = match url.parse() {
        Ok(target) => target,
        Err(error) => return refuse(format!("`{}` can't be asked: {error}", shown(url)), HTTP),
    };
    let address = match address.map(|address| address.parse()).transpose() {
        Ok(address) => address,
        Err(_) => return refuse("what follows the URL is no IP address", HTTP),
    };
    Ok(Call::Request {
        method,
        target,
        address,
    })
}

/// A word as it is fit for a message.
fn shown(word: &str) -> String {
    word.escape_debug().take(60).collect()
}

/// In the words that [`Call::from_words`] reads, those with spaces in quotation marks.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.capability().name())?;
        match self {
            Self::Whole(_) => Ok(()),
            Self::File { path, link } => {
                word(f, path)?;
                let Some(link) = link else { return Ok(()) };
                f.write_str(match link.made {
                    Linked::ByOthers => " foreign-link",
                    Linked::No | Linked::ByItsOwner => " link",
                })?;
                word(f, &link.to)
            }
            Self::Processes(look) | Self::Sessions(look) => write!(f, " {look}"),
            Self::Facts { fields, .. } => fields.fmt(f),
            Self::Run(run) => {
                if run.session {
                    f.write_str(" as-session")?;
                }
                for name in &run.environment {
                    word(f, &format!("with={name}"))?;
                }
                if run.input > ByteCount::new(0) {
                    word(f, &format!("input={}", run.input))?;
                }
                word(f, &run.program)?;
                run.arguments
                    .iter()
                    .try_for_each(|argument| word(f, argument))
            }
            Self::Wake {
                mac,
                link,
                is_virtual,
            } => {
                word(f, &super::shown::mac(mac))?;
                word(f, link)?;
                f.write_str(if *is_virtual { " virtual" } else { "" })
            }
            Self::Message { user } => word(f, user),
            Self::Power { verb, users } => {
                word(f, verb.name())?;
                word(f, users.name())
            }
            Self::Control(control) => {
                word(f, control.verb.name())?;
                word(f, &control.executable)?;
                word(f, control.found.name())
            }
            Self::Watch { path } => word(f, path),
            Self::Request {
                method,
                target,
                address,
            } => {
                word(f, method.name())?;
                word(f, &target.to_string())?;
                match address {
                    Some(address) => word(f, &address.to_string()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.at {
            Of::OwnSession => "own",
            Of::OtherSession => "other",
            Of::System => "system",
        })?;
        self.fields.fmt(f)
    }
}

/// Each after a space.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, redaction) in self.seen() {
            write!(f, " {}", field.name())?;
            if let Some(asked) = redaction.asked() {
                write!(f, ":{asked}")?;
            }
        }
        Ok(())
    }
}

fn word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let cut: String = word.chars().take(LONGEST_PATH).collect();
    let plain = !cut.is_empty()
        && !cut
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\'));
    if plain {
        write!(f, " {cut}")
    } else {
        write!(f, " {cut:?}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_shown_and_nothing_makes_it_panic(
            words in prop::collection::vec(
                prop_oneof![
                    ".{0,12}",
                    "files|exec|wake|process-control|processes|sessions|log|own|other|user|link|as-session|virtual|end|root",
                    "user:(hash|[0-9]{1,4})",
                    "/[a-z ]{0,4}|with=[A-Z]|input=[0-9] KiB|[0-9a-f]{2}(:[0-9a-f]{2}){5}",
                ],
                0..6,
            ),
        ) {
            if let Ok(call) = Call::from_words(&words) {
                prop_assert!(!call.to_string().chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn every_kind_of_call_is_read_and_shown_in_its_words() {
        for text in [
            "log",
            "files /etc/os-release",
            "files /etc/os-release link /usr/lib/os-release",
            "files /a foreign-link /b",
            "processes own",
            "processes system user command-line",
            "sessions other place",
            "exec /usr/bin/id",
            "exec as-session with=LANG /usr/bin/id -u root",
            "wake 52:54:00:01:02:03 eth0",
            "wake 52:54:00:01:02:03 br0 virtual",
            "process-control end /usr/bin/soffice named-session",
            "process-control suspend /opt/x root",
            "message ann",
            "power power-off nobody",
            "watch /etc/hosts",
            "http GET https://api.example/v1?a=b",
            "http DELETE http://api.example:8080/ 10.0.0.7",
        ] {
            let words: Vec<_> = text.split(' ').collect();
            assert_eq!(Call::from_words(&words).unwrap().to_string(), text);
        }
        let spaced = Call::from_words(&["files", "/a b"]).unwrap();
        assert_eq!(spaced.to_string(), "files \"/a b\"");
    }

    #[test]
    fn other_words_are_refused_with_what_to_write() {
        for (text, problem) in [
            ("", "`` is no capability"),
            ("telepathy", "`telepathy` is no capability"),
            ("log x", "has no parts"),
            ("files", "takes one path"),
            ("files /a /b", "takes one path"),
            ("files /a leads /b", "takes one path"),
            ("processes", "whose"),
            ("processes mine", "nobody's"),
            ("processes own place", "no field"),
            ("sessions system", "no session"),
            ("sessions own command-line", "no field"),
            ("exec", "no program"),
            ("exec as-session", "no program"),
            ("exec input=much /a", "no size"),
            ("wake 52:54:00 eth0", "no Ethernet address"),
            ("wake any eth0", "no Ethernet address"),
            ("wake 52:54:00:01:02:03", "an address and a link"),
            ("process-control end /a", "takes a verb"),
            ("process-control kill /a root", "no verb"),
            ("process-control end /a mine", "nobody's"),
            ("message", "one user"),
            ("power reboot", "takes a verb"),
            ("power explode away", "no verb"),
            ("power reboot gone", "is nobody"),
            ("watch", "takes one path"),
            ("http GET", "a method and an address"),
            ("http TRACE https://a", "no method"),
            ("http GET https://a/../b", "can't be asked"),
            ("http GET https://a nowhere", "no IP address"),
        ] {
            let words: Vec<_> = text.split(' ').collect();
            let refused = Call::from_words(&words).unwrap_err().to_string();
            assert!(
                refused.contains(problem) && refused.contains("; write "),
                "{refused}"
            );
        }
        assert!(Call::from_words::<&str>(&[]).is_err());
    }
}
