//! JSON whose objects stay in the order in which they were written: a form has its author's
//! order, and maps of `serde_json` are sorted.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

/// A value. No name is twice in an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Null, a truth value, a number or a text.
    Single(Value),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// What an object has under this name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.iter().find(|(it, _)| it == name);
        found.map(|(_, node)| node)
    }

    /// The same as a value whose objects are sorted.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Single(value) => value.clone(),
            Self::List(nodes) => nodes.iter().map(Self::to_value).collect(),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, it)| (name.clone(), it.to_value()));
                Value::Object(members.collect())
            }
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Single(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<&Number> {
        match self {
            Self::Single(Value::Number(number)) => Some(number),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Single(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Single(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Single(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Single(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Single(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Single(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            if members.iter().any(|(it, _)| *it == name) {
                return Err(A::Error::custom("a name is twice in one object"));
            }
            members.push((name, node));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_stays_and_no_name_comes_twice() {
        let read = |text| serde_json::from_str::<Node>(text);
        let node = read(r#"{"b":[null,true,-1,1.5,"x"],"a":{"c":18446744073709551615}}"#).unwrap();
        let Node::Object(members) = &node else {
            panic!("{node:?}");
        };
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        let whole = node.get("a").and_then(|a| a.get("c")?.number()?.as_u64());
        assert_eq!(whole, Some(u64::MAX));
        assert!(read(r#"{"a":1,"a":2}"#).is_err());
        // As deep as JSON is read at all.
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
