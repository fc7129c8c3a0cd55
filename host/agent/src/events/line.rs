//! Events as they are kept and sent: one line of JSON each, within a bound.

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use bailiwick_transport::EventLine;
use serde_json::Value;

use super::Event;
use bailiwick_store::LONGEST_EVENT;

impl Event {
    /// The event as it is kept and sent, within [`LONGEST_EVENT`]: what is too long is cut,
    /// text by text.
    pub(crate) fn to_line(&self, device: DeviceId, at: Timestamp) -> Vec<u8> {
        let mut event = serde_json::to_value(self).unwrap_or_default();
        let mut words = self.words();
        let mut longest = 2_000;
        loop {
            let line = EventLine {
                device,
                at,
                words: words.clone(),
                event: &event,
                log: None,
            };
            let line = serde_json::to_vec(&line).unwrap_or_default();
            if line.len() <= LONGEST_EVENT || longest < 8 {
                return line;
            }
            longest /= 2;
            cut_text(&mut words, longest);
            cut(&mut event, longest);
        }
    }
}

/// Cuts every text to about `longest` bytes, and lists to as many as fit that.
fn cut(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) => cut_text(text, longest),
        Value::Array(values) => {
            values.truncate(longest / 8);
            values.iter_mut().for_each(|value| cut(value, longest / 4));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| cut(value, longest)),
        _ => {}
    }
}

fn cut_text(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{
        ids::GenerationId,
        policy::{Capability, CapabilitySet},
    };

    use super::*;
    use crate::figures::Figures;

    #[test]
    fn however_long_an_event_is_its_line_is_within_the_bound() {
        for text in ["x", "ü", "\n", "\u{1f600}"] {
            let event = Event::Granted {
                plugin: "pressure".parse().unwrap(),
                grants: vec![text.repeat(1_000); 500],
                approved_by: vec![text.repeat(50_000)],
            };
            let line = event.to_line(DeviceId::from_bytes([7; 16]), Timestamp::from_ms(9));
            assert!(line.len() <= LONGEST_EVENT, "{}", line.len());
            let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
            assert!(matches!(read.event, Event::Granted { .. }));
            assert_eq!(read.at, Timestamp::from_ms(9));
        }
        let short = Event::EventsLost { count: 3 };
        let line = short.to_line(DeviceId::from_bytes([7; 16]), Timestamp::from_ms(9));
        let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
        assert_eq!((read.words, read.event), (short.words(), short));
    }

    /// Once an hour for each of four plugins, that is little of the 16 KB that an idle hour
    /// may take.
    #[test]
    fn what_a_plugin_has_used_is_told_in_a_few_hundred_bytes() {
        let most = u64::MAX;
        let mut all = CapabilitySet::default();
        for capability in Capability::ALL {
            all.insert(capability);
        }
        let event = Event::PluginStatus {
            plugin: "x".repeat(32).parse().unwrap(),
            version: "100.100.100".to_owned(),
            generation: GenerationId(most),
            since: Timestamp::from_ms(1_795_000_000_000),
            figures: Figures {
                calls: most,
                traps: most,
                host_calls: most,
                denials: most,
                cpu_us: most,
                guest_us: most,
                host_us: most,
                memory_high_bytes: most,
                out_bytes: most,
                log_lines_dropped: most,
                capabilities: all,
            },
        };
        let at = Timestamp::from_ms(1_795_000_000_000);
        let line = event.to_line(DeviceId::from_bytes([7; 16]), at);
        assert!(line.len() < 1_000, "{}", line.len());
        let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
        assert_eq!(read.event, event);
    }
}
