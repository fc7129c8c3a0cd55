//! Reads a description of arguments. JSON Schema, draft 2020-12, as far as a form can ask
//! for it.

use serde_json::Value;

use super::{Field, Form, Kind, Length, Range, Takes, Way, Ways, ordered::Node};

/// Longest description, in bytes: what the contract allows. Stops a page of any length.
const LONGEST: usize = 16 * 1024;
/// Fields of one way, and ways.
const MOST_FIELDS: usize = 40;
/// Values of a choice; with more of them it is asked for as JSON.
const MOST_VALUES: usize = 64;
/// Characters of a name; a longer one is refused, for it can't be cut.
const LONGEST_NAME: usize = 64;
/// Characters of a title and of a value to choose; more are cut.
const LONGEST_TITLE: usize = 80;
/// Characters of a description; more are cut.
const LONGEST_HELP: usize = 400;

/// Keywords that say more of a value than a field can ask for.
const COMPOSED: &[&str] = &[
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
];

/// Why no form can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is no JSON: {0}")]
    NoJson(String),
    #[error("it does not describe one object with properties")]
    NoObject,
    #[error("it uses `{0}`, which a form can't ask for")]
    Composed(&'static str),
    #[error("it has no argument, or more than {MOST_FIELDS}")]
    Number,
    #[error("an argument's name is empty, longer than {LONGEST_NAME} characters or not printable")]
    Name,
    #[error("`{keyword}` of {} can't be what it is", .of.as_deref().unwrap_or("the whole"))]
    Keyword {
        of: Option<String>,
        keyword: &'static str,
    },
}

impl Takes {
    /// Reads what a device passed on.
    pub(crate) fn read(schema: &str) -> Result<Self, Unfit> {
        if schema.len() > LONGEST {
            return Err(Unfit::TooLong);
        }
        let root: Node = serde_json::from_str(schema).map_err(|e| Unfit::NoJson(e.to_string()))?;
        let described = Described::of(&root, None)?;
        // One of several, each an object: `{"wake": {…}}` or `{"fitness": {…}}`.
        let one = |name| root.get(name).and_then(|it| it.number()?.as_u64()) == Some(1);
        let nested = described
            .properties
            .iter()
            .all(|(_, it)| is_plain_object(it));
        let ways = if one("minProperties") && one("maxProperties") && nested {
            let ways = described.properties.iter().map(|(name, it)| way(name, it));
            Ways::OneOf(ways.collect::<Result<_, _>>()?)
        } else {
            Ways::One(described.fields()?)
        };
        Ok(Self {
            title: words(&root, "title", LONGEST_TITLE),
            help: words(&root, "description", LONGEST_HELP),
            ways,
        })
    }
}

/// An object that is described by its properties.
struct Described<'a> {
    properties: &'a [(String, Node)],
    required: Vec<&'a str>,
}

impl<'a> Described<'a> {
    fn of(node: &'a Node, name: Option<&'a str>) -> Result<Self, Unfit> {
        let unfit = |keyword| keyword_of(name, keyword);
        if node.get("type").and_then(Node::text) != Some("object") {
            return Err(Unfit::NoObject);
        }
        if let Some(composed) = composed(node) {
            return Err(Unfit::Composed(composed));
        }
        let Some(Node::Object(properties)) = node.get("properties") else {
            return Err(Unfit::NoObject);
        };
        if !(1..=MOST_FIELDS).contains(&properties.len()) {
            return Err(Unfit::Number);
        }
        if !properties.iter().all(|(name, _)| is_name(name)) {
            return Err(Unfit::Name);
        }
        let required = match node.get("required") {
            None => Vec::new(),
            Some(Node::List(names)) => {
                let names = names
                    .iter()
                    .map(|it| it.text().ok_or_else(|| unfit("required")));
                names.collect::<Result<_, _>>()?
            }
            Some(_) => return Err(unfit("required")),
        };
        // What nobody can fill in can't be required.
        let known = |required: &&str| properties.iter().any(|(name, _)| name == required);
        if !required.iter().all(known) {
            return Err(unfit("required"));
        }
        Ok(Self {
            properties,
            required,
        })
    }

    fn fields(&self) -> Result<Vec<Field>, Unfit> {
        let field = |(name, node): &(String, Node)| {
            Ok(Field {
                name: name.clone(),
                title: words(node, "title", LONGEST_TITLE),
                help: words(node, "description", LONGEST_HELP),
                required: self.required.contains(&name.as_str()),
                kind: kind(name, node)?,
            })
        };
        self.properties.iter().map(field).collect()
    }
}

fn way(name: &str, node: &Node) -> Result<Way, Unfit> {
    Ok(Way {
        name: name.to_owned(),
        title: words(node, "title", LONGEST_TITLE),
        help: words(node, "description", LONGEST_HELP),
        fields: Described::of(node, Some(name))?.fields()?,
    })
}

/// Whether a form can ask for its properties.
fn is_plain_object(node: &Node) -> bool {
    node.get("type").and_then(Node::text) == Some("object")
        && composed(node).is_none()
        && matches!(node.get("properties"), Some(Node::Object(properties)) if !properties.is_empty())
}

fn kind(name: &str, node: &Node) -> Result<Kind, Unfit> {
    let Node::Object(_) = node else {
        // `true` takes everything, and `false` nothing.
        return Ok(Kind::Json);
    };
    if composed(node).is_some() {
        return Ok(Kind::Json);
    }
    if let Some(values) = node.get("enum") {
        return Ok(one_of(values).map_or(Kind::Json, Kind::OneOf));
    }
    let unfit = |keyword| keyword_of(Some(name), keyword);
    Ok(match node.get("type").and_then(Node::text) {
        Some("string") if node.get("contentMediaType").is_some() => Kind::Text(length(name, node)?),
        Some("string") => {
            let form = match node.get("format").and_then(Node::text) {
                Some("ipv4") => Some(Form::Ipv4),
                Some("ipv6") => Some(Form::Ipv6),
                _ => None,
            };
            Kind::Line(length(name, node)?, form)
        }
        Some("integer") => Kind::Whole(
            ordered(
                whole(node, "minimum", f64::ceil).map_err(unfit)?,
                whole(node, "maximum", f64::floor).map_err(unfit)?,
            )
            .ok_or_else(|| unfit("maximum"))?,
        ),
        Some("number") => Kind::Number(
            ordered(
                decimal(node, "minimum").map_err(unfit)?,
                decimal(node, "maximum").map_err(unfit)?,
            )
            .ok_or_else(|| unfit("maximum"))?,
        ),
        Some("boolean") => Kind::Truth,
        Some("array") => lines(name, node)?,
        _ => Kind::Json,
    })
}

/// A list of texts; other lists are asked for as JSON.
fn lines(name: &str, node: &Node) -> Result<Kind, Unfit> {
    let Some(items) = node.get("items") else {
        return Ok(Kind::Json);
    };
    let line = match kind(name, items)? {
        Kind::Line(length, None) => length,
        _ => return Ok(Kind::Json),
    };
    let unfit = |keyword| keyword_of(Some(name), keyword);
    let least = count(node, "minItems").map_err(unfit)?.unwrap_or(0);
    let most = count(node, "maxItems").map_err(unfit)?;
    if most.is_some_and(|most| most < least) {
        return Err(unfit("maxItems"));
    }
    Ok(Kind::Lines {
        length: line,
        least,
        most,
    })
}

fn length(name: &str, node: &Node) -> Result<Length, Unfit> {
    let unfit = |keyword| keyword_of(Some(name), keyword);
    let least = count(node, "minLength").map_err(unfit)?.unwrap_or(0);
    let most = count(node, "maxLength").map_err(unfit)?;
    if most.is_some_and(|most| most < least) {
        return Err(unfit("maxLength"));
    }
    Ok(Length { least, most })
}

/// Values to choose from, if they are few and each is one line.
fn one_of(values: &Node) -> Option<Vec<Value>> {
    let Node::List(values) = values else {
        return None;
    };
    if !(1..=MOST_VALUES).contains(&values.len()) {
        return None;
    }
    let single = |node: &Node| match node {
        Node::Single(Value::Null) => None,
        Node::Single(Value::String(text)) => {
            let fits = text.chars().count() <= LONGEST_TITLE && is_seen(text);
            // An empty one can't be told from none.
            (fits && !text.is_empty()).then(|| text.as_str().into())
        }
        Node::Single(value) => Some(value.clone()),
        Node::List(_) | Node::Object(_) => None,
    };
    let values: Vec<Value> = values.iter().map(single).collect::<Option<_>>()?;
    let spelt = |value: &Value| super::fill::spelt(value);
    let twice = |(place, value): (usize, &Value)| {
        values[..place].iter().any(|it| spelt(it) == spelt(value))
    };
    (!values.iter().enumerate().any(twice)).then_some(values)
}

fn composed(node: &Node) -> Option<&'static str> {
    COMPOSED
        .iter()
        .copied()
        .find(|keyword| node.get(keyword).is_some())
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && is_seen(name)
}

/// Whether nothing in it hides or reorders the rest: letters and digits of any script, and
/// the signs of ASCII.
fn is_seen(text: &str) -> bool {
    let seen = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    text.chars().all(seen)
}

fn keyword_of(of: Option<&str>, keyword: &'static str) -> Unfit {
    let of = of.map(|name| format!("`{name}`"));
    Unfit::Keyword { of, keyword }
}

fn count(node: &Node, keyword: &'static str) -> Result<Option<u64>, &'static str> {
    let Some(value) = node.get(keyword) else {
        return Ok(None);
    };
    let value = value.number().and_then(serde_json::Number::as_u64);
    value.map(Some).ok_or(keyword)
}

fn whole(
    node: &Node,
    keyword: &'static str,
    rounded: fn(f64) -> f64,
) -> Result<Option<i128>, &'static str> {
    let Some(value) = node.get(keyword) else {
        return Ok(None);
    };
    let number = value.number().ok_or(keyword)?;
    let whole = number.as_i128();
    // A number beyond all that fits is as good as the last one that does.
    let whole = whole.or_else(|| Some(rounded(number.as_f64()?) as i128));
    whole.map(Some).ok_or(keyword)
}

fn decimal(node: &Node, keyword: &'static str) -> Result<Option<f64>, &'static str> {
    let Some(value) = node.get(keyword) else {
        return Ok(None);
    };
    value
        .number()
        .and_then(serde_json::Number::as_f64)
        .map(Some)
        .ok_or(keyword)
}

fn ordered<T: PartialOrd + Copy>(least: Option<T>, most: Option<T>) -> Option<Range<T>> {
    match (least, most) {
        (Some(least), Some(most)) if least > most => None,
        _ => Some(Range { least, most }),
    }
}

/// A title or description, cut. Whoever shows it sees to invisible characters.
fn words(node: &Node, keyword: &str, longest: usize) -> Option<String> {
    let text = node.get(keyword).and_then(Node::text)?;
    let mut words = String::new();
    for (place, word) in text.split_whitespace().enumerate() {
        if place > 0 {
            words.push(' ');
        }
        words.push_str(word);
    }
    if words.chars().count() > longest {
        words = words.chars().take(longest).collect();
        words.push('…');
    }
    (!words.is_empty()).then_some(words)
}
