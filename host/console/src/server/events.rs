//! `POST /v1/events`: what happens to plugins, one JSON object per line.

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use bailiwick_core::{digest::Sha256, ids::PluginName};
use bailiwick_transport::EventLine;
use serde_json::Value;

use super::{
    Shared,
    enrol::forbid,
    ingest::{Post, refuse, settle},
};
use crate::{enrolment::Peer, store::IncomingEvent};

/// Most lines of one post.
const LINES: usize = 1_000;
/// Longest line, in bytes: an event and the digests of a proof.
const LINE: usize = 32 * 1024;
/// Characters of an event's words that are kept.
const WORDS: usize = 2_000;

/// Stores the lines of a post, all or none.
pub(super) async fn events(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let received = (shared.context.now)();
    let enrolment = &shared.context.enrolment;
    if let Err(unfit) = enrolment.listen(&peer, received) {
        return forbid(&unfit);
    }
    let post = match Post::read(&shared, request).await {
        Ok(post) => post,
        Err(answer) => return *answer,
    };
    let events = match read(&post.body) {
        Ok(events) => events,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    // A post has one device as a rule.
    let mut devices: Vec<_> = events.iter().map(|event| event.device).collect();
    devices.dedup();
    for device in devices {
        if let Err(unfit) = enrolment.admit(&peer, &device, received) {
            return forbid(&unfit);
        }
    }
    let sha256 = Sha256::of(&post.body).to_string();
    let inlet = &shared.context.inlet;
    settle(inlet.events(post.key, sha256, events, received).await)
}

/// The events of a post; all of them can be stored, or the reason is told.
pub(crate) fn read(body: &[u8]) -> Result<Vec<IncomingEvent>, String> {
    let lines: Vec<&[u8]> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    if !(1..=LINES).contains(&lines.len()) {
        return Err(format!(
            "it has {} lines; 1 to {LINES} are taken",
            lines.len()
        ));
    }
    lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| event(line).map_err(|reason| format!("line {}: {reason}", index + 1)))
        .collect()
}

fn event(line: &[u8]) -> Result<IncomingEvent, String> {
    if line.len() > LINE {
        return Err(format!("it has more than {LINE} bytes"));
    }
    let line: EventLine<Value> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let name = line.event.get("event").and_then(Value::as_str);
    let name = name
        .filter(|name| is_event(name))
        .ok_or("`event` has no text `event` of 1 to 63 `a-z`, `0-9` and `-`")?;
    let plugin: Option<PluginName> = match line.event.get("plugin") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.parse().map_err(|e| format!("{e}"))?),
        Some(_) => return Err("`plugin` is not text".to_owned()),
    };
    let mut body = line.event.clone();
    if let (Some(proof), Some(body)) = (&line.log, body.as_object_mut()) {
        let head = proof.head().map_err(|error| format!("`log`: {error}"))?;
        body.insert("log-head".to_owned(), head.to_string().into());
    }
    Ok(IncomingEvent {
        device: line.device,
        at: line.at,
        plugin,
        event: name.to_owned(),
        words: printable(&line.words),
        body: body.to_string(),
        log: line.log,
    })
}

fn is_event(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Words reach a terminal: what could drive it is left out.
fn printable(words: &str) -> String {
    words
        .chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .take(WORDS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str) -> String {
        let device = "00112233445566778899aabbccddeeff";
        format!(r#"{{"device":"{device}","at":5,"words":"a\u001b[2Jb","event":{event}}}"#)
    }

    #[test]
    fn lines_are_read_with_the_plugin_if_there_is_one() {
        let body = format!(
            "{}\n{}\n",
            line(r#"{"event":"pulled","plugin":"inventory","bytes":3}"#),
            line(r#"{"event":"started"}"#)
        );
        let events = read(body.as_bytes()).unwrap();
        assert_eq!(events[0].plugin.as_ref().unwrap().as_str(), "inventory");
        assert_eq!(events[0].event, "pulled");
        assert_eq!(events[0].words, "a[2Jb");
        assert!(events[0].body.contains("\"bytes\":3"));
        assert_eq!(events[1].plugin, None);
    }

    #[test]
    fn a_post_with_one_bad_line_is_refused_with_its_number() {
        for bad in [
            "{}",
            "[]",
            "null",
            r#"{"event":1}"#,
            r#"{"event":""}"#,
            r#"{"event":"Pulled"}"#,
            r#"{"event":"pulled","plugin":"../x"}"#,
            r#"{"event":"pulled","plugin":7}"#,
        ] {
            let body = format!("{}\n{}\n", line(r#"{"event":"started"}"#), line(bad));
            assert!(
                read(body.as_bytes()).unwrap_err().starts_with("line 2: "),
                "{bad}"
            );
        }
        assert!(read(b"").is_err());
        assert!(read(b"not json").is_err());
        assert!(read(&[b'a'; LINE + 1]).unwrap_err().contains("more than"));
    }
}
