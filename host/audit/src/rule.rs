//! The rules: what can be found, why it matters and how it is mended.

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Devices would refuse the plugin, or somebody claims what is not so.
    Error,
    /// It works, and it is more than it need be or soon is not any more.
    Warning,
}

impl Level {
    /// Its name in reports, which is SARIF's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One rule. Its id never changes and is never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is told in its text")]
pub enum Rule {
    ImportWithoutGrant,
    GrantWithoutImport,
    MemoryBelowStart,
    UnchosenLimit,
    WideScope,
    ExpiredGrant,
    ExpiringGrant,
    UnknownApprover,
    FreeArguments,
    WideVersions,
    OtherPublisher,
    WasiBeyondBaseline,
    UnknownImport,
    NoWorld,
    Schedule,
    OutsideVersions,
    PlainText,
    UnusedGrant,
    UnusedLimit,
    RefusedCalls,
    Forbidden,
}

/// What is told of a rule.
struct Text {
    id: &'static str,
    name: &'static str,
    level: Level,
    title: &'static str,
    why: &'static str,
    mend: &'static str,
}

impl Rule {
    /// Every rule, by its id.
    pub const ALL: [Self; 21] = [
        Self::ImportWithoutGrant,
        Self::GrantWithoutImport,
        Self::MemoryBelowStart,
        Self::UnchosenLimit,
        Self::WideScope,
        Self::ExpiredGrant,
        Self::ExpiringGrant,
        Self::UnknownApprover,
        Self::FreeArguments,
        Self::WideVersions,
        Self::OtherPublisher,
        Self::WasiBeyondBaseline,
        Self::UnknownImport,
        Self::NoWorld,
        Self::Schedule,
        Self::OutsideVersions,
        Self::PlainText,
        Self::UnusedGrant,
        Self::UnusedLimit,
        Self::RefusedCalls,
        Self::Forbidden,
    ];

    /// `BW001`.
    pub const fn id(self) -> &'static str {
        self.text().id
    }

    /// `import-without-grant`.
    pub const fn name(self) -> &'static str {
        self.text().name
    }

    /// How much it weighs.
    pub const fn level(self) -> Level {
        self.text().level
    }

    /// What it finds, as one sentence.
    pub const fn title(self) -> &'static str {
        self.text().title
    }

    /// Why that matters.
    pub const fn why(self) -> &'static str {
        self.text().why
    }

    /// What to do about it.
    pub const fn mend(self) -> &'static str {
        self.text().mend
    }

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        Self::ALL
            .iter()
            .position(|rule| *rule == self)
            .unwrap_or_default()
    }

    const fn text(self) -> Text {
        match self {
            Self::ImportWithoutGrant => Text {
                id: "BW001",
                name: "import-without-grant",
                level: Level::Error,
                title: "The component imports a capability that its policy never granted.",
                why: "No device starts it. Either the plugin asks for more than was agreed, or \
                      the policy is of another version.",
                mend: "Ask the vendor why it is needed; have a grant approved and signed, or a \
                       component without the import.",
            },
            Self::GrantWithoutImport => Text {
                id: "BW002",
                name: "grant-without-import",
                level: Level::Warning,
                title: "The policy grants a capability that the component does not import.",
                why: "The next version can begin to use it, and nobody is asked again.",
                mend: "Remove the grant.",
            },
            Self::MemoryBelowStart => Text {
                id: "BW003",
                name: "memory-below-start",
                level: Level::Error,
                title: "The component begins with more memory than its policy allows.",
                why: "It can't be instantiated: no device runs it. Only the memories are counted \
                      that the file declares; what the plugin takes later is not known without \
                      running it.",
                mend: "Raise `memory`, or have the plugin built with a smaller initial memory.",
            },
            Self::UnchosenLimit => Text {
                id: "BW004",
                name: "unchosen-limit",
                level: Level::Warning,
                title: "A limit is the most that a policy can write.",
                why: "It protects the device from nothing that the format does not, so nobody has \
                      thought about how much this plugin needs. How much it really uses is not \
                      known without a record of it. A limit that is missing needs no rule: such a \
                      policy is not read at all.",
                mend: "Write what the plugin was seen to need, and half as much again.",
            },
            Self::WideScope => Text {
                id: "BW005",
                name: "wide-scope",
                level: Level::Warning,
                title: "A grant reaches much more than one purpose.",
                why: "If the plugin or its vendor's key falls into other hands, all of it is \
                      reached. Found are: everything beneath `/`, or beneath a folder of secrets, \
                      of users or of the whole system; processes or sessions of everybody; every \
                      neighbour of a network; programs that run as root; processes of root or of \
                      every program; a restart while users are there; servers in \
                      networks that no organisation has for itself. `network` has no parts and \
                      only reads, so it is not found.",
                mend: "Name the paths, sessions, addresses or accounts that the purpose needs.",
            },
            Self::ExpiredGrant => Text {
                id: "BW006",
                name: "expired-grant",
                level: Level::Warning,
                title: "A grant has expired.",
                why: "What it gave is answered `denied`, and the plugin may report less without \
                      anybody noticing.",
                mend: "Have it approved again, with another `expires`, or remove it.",
            },
            Self::ExpiringGrant => Text {
                id: "BW007",
                name: "expiring-grant",
                level: Level::Warning,
                title: "A grant expires within 30 days.",
                why: "Devices lose what it gives on that day, all at once.",
                mend: "Decide now whether it is approved again; sign the policy before that day.",
            },
            Self::UnknownApprover => Text {
                id: "BW008",
                name: "unknown-approver",
                level: Level::Error,
                title: "A grant names an approver who holds no key of the `policies` role.",
                why: "The name is text that its author wrote. Only the keys of that role prove \
                      who approves. Needs a repository.",
                mend: "Have a holder of such a key approve it, and write the name of that key.",
            },
            Self::FreeArguments => Text {
                id: "BW009",
                name: "free-arguments",
                level: Level::Warning,
                title: "A program can be given an option or a path that nobody listed.",
                why: "Many programs can be made to write files or to run others by an option. A \
                      pattern that takes a text which begins with `-`, or has a part `..`, lets \
                      whoever asks choose it. A grant that lists no arguments at all is not read.",
                mend: "Write the options out, and let patterns begin with a letter, a digit or a \
                       fixed folder, without `.` in their classes.",
            },
            Self::WideVersions => Text {
                id: "BW010",
                name: "wide-versions",
                level: Level::Warning,
                title: "The policy holds for versions that break with each other.",
                why: "Versions of different series may do different things (before 1.0 each minor \
                      version is a series), and one approval covers them all.",
                mend: "Write a requirement within one series, such as `^0.1`.",
            },
            Self::OtherPublisher => Text {
                id: "BW011",
                name: "other-publisher",
                level: Level::Error,
                title: "The component is not one that the policy's vendor signed.",
                why: "Who approved the policy trusted that vendor. Needs a repository.",
                mend: "Audit the component that the vendor published, or have it published.",
            },
            Self::WasiBeyondBaseline => Text {
                id: "BW012",
                name: "wasi-beyond-baseline",
                level: Level::Error,
                title: "The component imports a part of WASI that hosts never link.",
                why: "No device starts it, and no policy can grant it.",
                mend: "Build it without, for instance for wasm32-unknown-unknown, and use the \
                       contract's own interfaces.",
            },
            Self::UnknownImport => Text {
                id: "BW013",
                name: "unknown-import",
                level: Level::Error,
                title: "The component imports what hosts of this contract do not know.",
                why: "No device starts it: it was built for something else, or for another \
                      version of the contract.",
                mend: "Remove the import, or build against the contract's version that devices \
                       serve.",
            },
            Self::NoWorld => Text {
                id: "BW014",
                name: "no-world",
                level: Level::Error,
                title: "The component exports no world of the contract.",
                why: "It is no plugin: devices have nothing to call.",
                mend: "Export a world of the contract, such as `collector`.",
            },
            Self::Schedule => Text {
                id: "BW015",
                name: "schedule",
                level: Level::Error,
                title: "The policy's schedule does not fit the kind of plugin.",
                why: "A collector without `[schedule]` is never called, and a handler is called \
                      when somebody asks and not by time: devices refuse both.",
                mend: "Add `[schedule]` for a collector, or remove it for a handler.",
            },
            Self::OutsideVersions => Text {
                id: "BW016",
                name: "outside-versions",
                level: Level::Error,
                title: "The assigned version is none of those for which the policy was approved.",
                why: "Devices refuse the pair. Needs a repository.",
                mend: "Read what the version changes; then have the policy approved for it, or \
                       assign another version.",
            },
            Self::PlainText => Text {
                id: "BW017",
                name: "plain-text",
                level: Level::Warning,
                title: "A grant lets a plugin send requests in plain text.",
                why: "Whoever is on the way reads them, with whatever credentials they carry, and \
                      answers in the server's place if they like.",
                mend: "Name the server with `https://`; where it has no TLS, put it on a network \
                       of its own, and let requests carry no secret.",
            },
            Self::UnusedGrant => Text {
                id: "BW018",
                name: "unused-grant",
                level: Level::Warning,
                title: "A grant was never used.",
                why: "What a plugin does not use it does not need, and whoever takes it over has it \
                      all the same. Needs a record of a week at least, and devices that tell which \
                      capabilities were called.",
                mend: "Remove the grant, unless it is for what has not happened yet.",
            },
            Self::UnusedLimit => Text {
                id: "BW019",
                name: "unused-limit",
                level: Level::Warning,
                title: "A limit is far above what was used.",
                why: "It lets a plugin that goes wrong take what it never needed. Found is \
                      `memory` of more than 8 MiB and more than four times the most that an \
                      instance held. Needs a record of a week at least.",
                mend: "Write what the plugin was seen to need, and half as much again.",
            },
            Self::RefusedCalls => Text {
                id: "BW020",
                name: "refused-calls",
                level: Level::Warning,
                title: "The plugin asked for what its policy refuses.",
                why: "Either it lacks something that it needs, and reports less than it should, or \
                      it tries what nobody agreed to. Needs a record.",
                mend: "Read what it asked for; ask the vendor why, and have it granted or removed.",
            },
            Self::Forbidden => Text {
                id: "BW021",
                name: "forbidden",
                level: Level::Error,
                title: "A version is assigned that no device runs.",
                why: "It was revoked, or an approver refused it: what ran before goes on, and a \
                      device on which nothing ran has nothing. Needs a repository.",
                mend: "Assign another version, or have the refusal taken back by an approver.",
            },
        }
    }
}

/// The rules as `RULES.md` tells them.
pub fn rules_document() -> String {
    let mut text = String::from(
        "# Rules of the audit\n\nAn id never changes its meaning. An *error* is what devices \
         would refuse, or a claim that is not so; a *warning* is more than need be, or what soon \
         is not so any more.\n\nThe audit runs no plugin. So there is no rule about personal data \
         without a purpose: which columns of a report are personal only a running plugin tells. \
         Fields of persons that a grant names, and the reason of the grant, are told for each \
         plugin.\n\n| id | name | level | what it finds |\n|---|---|---|---|\n",
    );
    for rule in Rule::ALL {
        let (id, name, level) = (rule.id(), rule.name(), rule.level().name());
        text.push_str(&format!("| {id} | {name} | {level} | {} |\n", rule.title()));
    }
    for rule in Rule::ALL {
        let Text {
            id,
            name,
            level,
            title,
            why,
            mend,
        } = rule.text();
        text.push_str(&format!(
            "\n## {id} {name}\n\n{title} *({})*\n\n- **Why:** {why}\n- **Mend:** {mend}\n",
            level.name()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_names_are_unique() {
        for (index, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule.id(), format!("BW{:03}", index + 1));
            assert_eq!(rule.index(), index);
            assert!(
                Rule::ALL[..index]
                    .iter()
                    .all(|other| other.name() != rule.name())
            );
        }
    }

    #[test]
    fn the_document_tells_the_rules_as_they_are() {
        let written = include_str!("../RULES.md");
        let told = rules_document();
        assert!(written == told, "RULES.md differs; it should be:\n{told}");
    }
}
