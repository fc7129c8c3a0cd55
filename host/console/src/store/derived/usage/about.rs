//! What a file says of its session itself: a plugin tells it where its policy grants the fields.

use bailiwick_report::rows::{Snapshot, Value};

/// Longest of each text that is kept, in characters.
const LONGEST: usize = 200;

/// Texts about a session, each as it is, cut or a digest, as the policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// The user's name.
    pub(super) user_name: Option<String>,
    /// The machine from which it is used: its name, its address or both.
    pub(super) client: Option<String>,
    /// Seat, terminal and display.
    pub(super) place: Option<String>,
}

impl About {
    /// Of the first row of the collection `session`; `before` is what earlier samples said.
    pub(super) fn of(snapshot: &Snapshot, before: Self) -> Self {
        let text = |field| text(snapshot, field);
        let client = match (text("client-name"), text("client-address")) {
            (Some(name), Some(address)) => Some(format!("{name} ({address})")),
            (name, address) => name.or(address),
        };
        let place = ["seat", "terminal", "display"].into_iter().filter_map(text);
        let place = place.collect::<Vec<_>>().join(" ");
        Self {
            user_name: text("user").or(before.user_name),
            client: client.or(before.client),
            place: Some(place)
                .filter(|place| !place.is_empty())
                .or(before.place),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn text(snapshot: &Snapshot, name: &str) -> Option<String> {
    let schema = snapshot.schema();
    let index = schema.position("session")?;
    let fields = schema.collections()[index].fields();
    let field = fields.iter().position(|field| field.name() == name)?;
    match snapshot.rows(index).next()?.get(field)? {
        Value::Text(text) if !text.is_empty() => Some(text.chars().take(LONGEST).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_report::{
        rows::Encoder,
        schema::{Collection, Field, Kind, Privacy, Schema},
    };

    use super::*;

    const FIELDS: [&str; 6] = [
        "user",
        "seat",
        "terminal",
        "display",
        "client-name",
        "client-address",
    ];

    fn told(values: [&str; 6]) -> Snapshot {
        let fields = FIELDS.map(|name| Field::new(name, Kind::Text, "", 0, Privacy::Personal));
        let fields = fields.into_iter().collect::<Result<_, _>>().unwrap();
        let session = Collection::new("session", 0, fields).unwrap();
        let schema = Arc::new(Schema::new(vec![session]).unwrap());
        let mut encoder = Encoder::new(&schema);
        let values = values.map(|value| (!value.is_empty()).then_some(Value::Text(value)));
        encoder.row(0, &values).unwrap();
        let buffer = encoder.finish();
        Snapshot::decode(Arc::clone(&schema), &buffer).unwrap()
    }

    fn about(values: [&str; 6]) -> [Option<String>; 3] {
        let about = About::of(&told(values), About::default());
        [about.user_name, about.client, about.place]
    }

    #[test]
    fn what_is_granted_is_kept_and_the_rest_is_none() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(about([""; 6]), [None, None, None]);
        assert_eq!(
            about(["ada", "seat0", "tty2", ":0", "", ""]),
            [some("ada"), None, some("seat0 tty2 :0")]
        );
        assert_eq!(
            about(["", "", "pts/3", "", "desk.example", "192.0.2.7"]),
            [None, some("desk.example (192.0.2.7)"), some("pts/3")]
        );
        assert_eq!(
            about(["", "", "", "", "", "2001:db8::7"])[1],
            some("2001:db8::7")
        );
    }

    #[test]
    fn what_an_earlier_sample_said_stays() {
        let before = About::of(&told(["ada", "", "", "", "desk", ""]), About::default());
        assert!(!before.is_empty());
        let now = About::of(&told(["", "", "pts/1", "", "", ""]), before);
        assert_eq!(now.user_name.as_deref(), Some("ada"));
        assert_eq!(now.client.as_deref(), Some("desk"));
        assert_eq!(now.place.as_deref(), Some("pts/1"));
    }
}
