//! Operators: whose actions a device takes. Signed by the `policies` role.
//!
//! ```toml
//! format = 1
//!
//! [[operator]]
//! name = "alice"
//! key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
//! handlers = ["run-program"]
//! groups = ["workshop"]
//! until = 2027-12-31
//! ```
//!
//! `groups = ["*"]` is every device, `handlers = ["*"]` every plugin. Nothing is that unless
//! it is written.

use std::collections::BTreeSet;

use super::OperatorKey;
use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::{GroupName, PluginName},
    time::Timestamp,
};

/// Its TUF target. There need be none: then nobody may sign actions.
pub const OPERATORS_TARGET: &str = "policies/operators.toml";

/// Longest list that is read.
pub const LONGEST_OPERATORS: ByteCount = ByteCount::kib(256);

/// Operators in one list.
const MOST: usize = 512;
/// Handlers, or groups, of one operator.
const MOST_NAMES: usize = 64;

/// Everybody who may sign actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators {
    /// In the order of the file.
    pub operators: Vec<Operator>,
}

/// One person who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// What people call them.
    pub name: String,
    /// Whose signatures are theirs.
    pub key: OperatorKey,
    /// Which plugins they may give orders.
    pub handlers: Reach<PluginName>,
    /// On the devices of which groups.
    pub groups: Reach<GroupName>,
    /// From then on they may no more.
    pub until: Timestamp,
    /// Line of the entry in the file.
    pub line: u32,
}

/// Named ones, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach<T: Ord> {
    /// `["*"]`.
    All,
    /// These.
    Named(BTreeSet<T>),
}

impl<T: Ord> Reach<T> {
    /// Whether `one` is among them.
    pub fn covers(&self, one: &T) -> bool {
        match self {
            Self::All => true,
            Self::Named(named) => named.contains(one),
        }
    }

    /// Whether any of `some` is among them.
    pub fn covers_any<'a>(&self, some: impl IntoIterator<Item = &'a T>) -> bool
    where
        T: 'a,
    {
        match self {
            Self::All => true,
            Self::Named(named) => some.into_iter().any(|one| named.contains(one)),
        }
    }
}

const OPERATOR: Key = Key::new("operator", "", "`[[operator]]` entries");
const NAME: Key = Key::new("name", "\"alice\"", "what people call the operator");
const KEY: Key = Key::new(
    "key",
    "\"d75a98…511a\"",
    "the public key in 64 hexadecimal digits, as `bailiwick-console action key` prints it",
);
const HANDLERS: Key = Key::new(
    "handlers",
    "[\"run-program\"]",
    "names of plugins, or `[\"*\"]` for every one",
);
const GROUPS: Key = Key::new(
    "groups",
    "[\"workshop\"]",
    "names of groups of devices, or `[\"*\"]` for every device",
);
const UNTIL: Key = Key::new(
    "until",
    "2027-12-31",
    "the last day on which they may, in UTC",
);
const OPERATOR_KEYS: [&Key; 5] = [&NAME, &KEY, &HANDLERS, &GROUPS, &UNTIL];

impl Operators {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no such document: says where, what is wrong and what to write.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST_OPERATORS)?;
        let table = source.document(&tree, &[&FORMAT, &OPERATOR])?;
        table.format()?;
        let Some(entries) = table.optional(&OPERATOR) else {
            return Ok(Self::default());
        };
        let mut operators: Vec<Operator> = Vec::new();
        for entry in entries.elements(MOST)? {
            let (operator, key) = operator(entry)?;
            if operators.iter().any(|other| other.key == operator.key) {
                return Err(key.refuse_because("another operator has it"));
            }
            operators.push(operator);
        }
        Ok(Self { operators })
    }

    /// Whose key this is.
    pub fn of(&self, key: &OperatorKey) -> Option<&Operator> {
        self.operators.iter().find(|one| one.key == *key)
    }
}

fn operator(entry: Value<'_>) -> Result<(Operator, Value<'_>), DocumentError> {
    let table = entry.table("`[[operator]]`", &OPERATOR_KEYS)?;
    let key = table.required(&KEY)?;
    let operator = Operator {
        name: table.required(&NAME)?.prose(64)?,
        key: key.parsed()?,
        handlers: reach(&table.required(&HANDLERS)?)?,
        groups: reach(&table.required(&GROUPS)?)?,
        until: table.required(&UNTIL)?.end_of_day()?,
        line: table.line(),
    };
    Ok((operator, key))
}

fn reach<T: Ord + std::str::FromStr>(value: &Value<'_>) -> Result<Reach<T>, DocumentError> {
    let elements = value.elements(MOST_NAMES)?;
    if let [one] = elements.as_slice()
        && one.text()? == "*"
    {
        return Ok(Reach::All);
    }
    let named = elements.iter().map(Value::parsed);
    Ok(Reach::Named(named.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "format = 1\n[[operator]]\nname = \"alice\"\nkey = \"KEY\"\n\
                         handlers = [\"run-program\"]\ngroups = [\"workshop\"]\nuntil = 2027-12-31\n";

    fn alice() -> String {
        ALICE.replace("KEY", &"ab".repeat(32))
    }

    #[test]
    fn a_list_says_who_may_what() {
        let list = Operators::parse("o", &alice()).unwrap();
        let one = list.of(&OperatorKey::from_bytes([0xab; 32])).unwrap();
        assert_eq!((one.name.as_str(), one.line), ("alice", 2));
        assert!(one.handlers.covers(&"run-program".parse().unwrap()));
        assert!(!one.handlers.covers(&"wake-on-lan".parse().unwrap()));
        assert!(one.groups.covers_any([&"workshop".parse().unwrap()]));
        assert!(!one.groups.covers_any([]));
        // `date -u -d 2028-01-01 +%s`
        assert_eq!(one.until, Timestamp::from_ms(1_830_297_600_000));
        assert_eq!(list.of(&OperatorKey::from_bytes([0; 32])), None);
        let all = alice().replace("[\"workshop\"]", "[\"*\"]");
        let all = Operators::parse("o", &all).unwrap();
        assert_eq!(all.operators[0].groups, Reach::All);
        assert!(all.operators[0].groups.covers_any([]));
        assert_eq!(
            Operators::parse("o", "format = 1\n"),
            Ok(Operators::default())
        );
    }

    #[test]
    fn refusals_say_where_and_what_to_write() {
        let cases = [
            ("name = \"alice\"\n", "", "o:2:1: `name` is missing"),
            ("KEY", "AB", "o:4:7: `key` can't be"),
            (
                "\"run-program\"",
                "\"*\", \"a\"",
                "o:5:13: `handlers` can't be `\"*\"`",
            ),
            (
                "[\"run-program\"]",
                "[]",
                "o:5:12: `handlers` can't be `[]`: it is empty",
            ),
            (
                "groups = [\"workshop\"]\n",
                "",
                "o:2:1: `groups` is missing",
            ),
            ("2027-12-31", "\"2027\"", "o:7:9: `until` can't be"),
            ("until", "untill", "o:7:1: `untill` is not a key"),
            ("format = 1", "format = 2", "o:1:10: format 2 is newer"),
        ];
        for (from, to, expected) in cases {
            let text = ALICE.replace(from, to).replace("KEY", &"ab".repeat(32));
            let refused = Operators::parse("o", &text).unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
        let twice = alice() + alice().trim_start_matches("format = 1\n");
        let refused = Operators::parse("o", &twice).unwrap_err().to_string();
        assert!(
            refused.contains("o:10:7:") && refused.contains("another operator has it"),
            "{refused}"
        );
    }
}
