//! One export of metrics: an `ExportMetricsServiceRequest` of OTLP 1 (opentelemetry-proto,
//! `collector/metrics/v1` and `metrics/v1`), which names each field with its number.

use bailiwick_core::time::Timestamp;

use super::protobuf::Message;

/// What a metric is called and how its values are to be read. Names and units follow
/// OpenTelemetry's conventions: names with dots, units in UCUM.
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    /// Such as `process.cpu.time`.
    pub name: &'static str,
    /// Such as `s`, `By` or `{call}`.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// How values are to be read.
    pub kind: Kind,
}

/// How values of a metric are to be read. Sums are cumulative: each export has all since the
/// start, so one that is lost loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A sum that goes up and down; those of several devices may be added.
    UpDownCounter,
    /// What was measured; those of several devices mean nothing added.
    Gauge,
}

/// The value of one series.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// What tells it from the metric's other series.
    pub attributes: &'a [(&'a str, &'a str)],
    /// From when on a sum counts; another time than before says that it began anew.
    pub start: Timestamp,
    /// The value.
    pub value: Number,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Count(u64),
    /// Seconds.
    Seconds(f64),
}

/// An export that is made.
#[derive(Clone, Debug)]
pub struct Export {
    resource: Message,
    metrics: Message,
    scope: Message,
    at: Timestamp,
}

impl Export {
    /// Of whom `resource` tells, made by `scope` (name and version), as it is `at` that time.
    pub fn new(resource: &[(&str, &str)], scope: (&str, &str), at: Timestamp) -> Self {
        let mut described = Message::default();
        attributes(&mut described, 1, resource);
        let mut named = Message::default();
        named.text(1, scope.0);
        named.text(2, scope.1);
        Self {
            resource: described,
            metrics: Message::default(),
            scope: named,
            at,
        }
    }

    /// Adds a metric. One without points is left out, as OTLP asks.
    pub fn metric(&mut self, instrument: &Instrument, points: &[Point<'_>]) {
        if points.is_empty() {
            return;
        }
        let mut values = Message::default();
        for point in points {
            values.message(1, &self.point(instrument.kind, point));
        }
        let mut metric = Message::default();
        metric.text(1, instrument.name);
        metric.text(2, instrument.description);
        metric.text(3, instrument.unit);
        match instrument.kind {
            Kind::Gauge => metric.message(5, &values),
            Kind::Counter | Kind::UpDownCounter => {
                // AGGREGATION_TEMPORALITY_CUMULATIVE
                values.varint(2, 2);
                values.varint(3, u64::from(instrument.kind == Kind::Counter));
                metric.message(7, &values);
            }
        }
        self.metrics.message(2, &metric);
    }

    fn point(&self, kind: Kind, point: &Point<'_>) -> Message {
        let mut made = Message::default();
        if kind != Kind::Gauge {
            // A clock that was set back must not make a sum that ends before it begins.
            made.fixed(2, nanos(point.start.min(self.at)));
        }
        made.fixed(3, nanos(self.at));
        match point.value {
            Number::Seconds(seconds) => made.fixed(4, seconds.to_bits()),
            // Of an sfixed64.
            Number::Count(count) => made.fixed(6, count.min(i64::MAX.cast_unsigned())),
        }
        attributes(&mut made, 7, point.attributes);
        made
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut of_scope = Message::default();
        of_scope.message(1, &self.scope);
        let mut of_scope = of_scope.into_bytes();
        of_scope.extend(self.metrics.into_bytes());
        let mut of_resource = Message::default();
        of_resource.message(1, &self.resource);
        of_resource.message(2, &Message::from(of_scope));
        let mut request = Message::default();
        request.message(1, &of_resource);
        request.into_bytes()
    }
}

/// `KeyValue`s with an `AnyValue` that is a string each.
fn attributes(message: &mut Message, field: u64, attributes: &[(&str, &str)]) {
    for (key, value) in attributes {
        let mut any = Message::default();
        any.text(1, value);
        let mut pair = Message::default();
        pair.text(1, key);
        pair.message(2, &any);
        message.message(field, &pair);
    }
}

fn nanos(at: Timestamp) -> u64 {
    at.as_ms().saturating_mul(1_000_000)
}
