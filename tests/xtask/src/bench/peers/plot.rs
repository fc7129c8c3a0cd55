//! Processor time as a picture: a line for each program, from few processes to many, on a
//! logarithmic axis. The same figures make the same bytes.

use std::{fmt::Write as _, ops::RangeInclusive};

use super::page::{Kind, Row, digits};

const WIDTH: f64 = 820.0;
/// Where the axis is, from the left edge and from the right one.
const LEFT: f64 = 270.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 84.0;
const LINE: f64 = 28.0;
const BOTTOM: f64 = 56.0;

/// Colours by what a program is to the agent, on white and on black paper.
const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #1f2328; stroke: #ffffff; stroke-width: 4px;
  paint-order: stroke; }
.title { font-size: 15px; font-weight: 600; }
.quiet { fill: #59636e; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.agent { stroke: #0969da; fill: #0969da; }
.least { stroke: #59636e; fill: #59636e; }
.peer { stroke: #bc4c00; fill: #bc4c00; }
.few { fill: #ffffff; }
circle { stroke-width: 2; }
.span { stroke-width: 2; stroke-opacity: 0.5; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; stroke: #0d1117; }
.quiet { fill: #9198a1; }
.paper, .few { fill: #0d1117; }
.grid { stroke: #3d444d; }
.agent { stroke: #4493f8; fill: #4493f8; }
.least { stroke: #9198a1; fill: #9198a1; }
.peer { stroke: #f0883e; fill: #f0883e; }
.few { fill: #0d1117; }
}
";

/// The picture of those who were measured.
pub(super) fn draw(rows: &[Row]) -> String {
    let lines: Vec<Line> = rows.iter().filter_map(Line::of).collect();
    let decades = decades(lines.iter().flat_map(|line| [line.few, line.many]));
    let foot = TOP + LINE * lines.len() as f64;
    let height = foot + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Processor time of the agent and of other programs in 15 s</title>\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    );
    head(&mut svg);
    axis(&mut svg, &decades, foot);
    for (index, line) in lines.iter().enumerate() {
        line.draw(&mut svg, &decades, TOP + LINE * (index as f64 + 0.5));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Somebody who was measured both times.
struct Line {
    name: &'static str,
    class: &'static str,
    few: f64,
    many: f64,
}

impl Line {
    fn of(row: &Row) -> Option<Self> {
        let (few, many) = (row.few.ok()?.cpu, row.many.ok()?.cpu);
        // A logarithm has no place for nothing.
        (few > 0.0 && many > 0.0).then_some(Self {
            name: row.name,
            class: match row.kind {
                Kind::Agent => "agent",
                Kind::Least => "least",
                Kind::Peer => "peer",
            },
            few,
            many,
        })
    }

    fn draw(&self, svg: &mut String, decades: &RangeInclusive<i32>, y: f64) {
        let Self { name, class, .. } = self;
        let [few, many] = [self.few, self.many].map(|value| place(value, decades));
        let [left, right] = [few.min(many), few.max(many)];
        let [first, last] = [self.few.min(self.many), self.few.max(self.many)].map(digits);
        let base = y + 4.5;
        text(svg, "", "end", LEFT - 46.0, base, name);
        // Writing to a String can't fail.
        let _ = writeln!(
            svg,
            "<line class=\"span {class}\" x1=\"{left:.1}\" y1=\"{y}\" x2=\"{right:.1}\" y2=\"{y}\"/>\n\
             <circle class=\"{class}\" cx=\"{many:.1}\" cy=\"{y}\" r=\"5\"/>\n\
             <circle class=\"{class} few\" cx=\"{few:.1}\" cy=\"{y}\" r=\"5\"/>"
        );
        text(svg, "quiet", "end", left - 10.0, base, &first);
        text(svg, "quiet", "start", right + 10.0, base, &last);
    }
}

/// What is drawn, and how to read it.
fn head(svg: &mut String) {
    text(
        svg,
        "title",
        "start",
        16.0,
        28.0,
        "Processor time in 15 s, milliseconds, logarithmic",
    );
    let legend = [
        ("few", 22.0, "300 processes, 1 session"),
        ("", 222.0, "2,000 processes, 50 sessions"),
    ];
    for (class, x, words) in legend {
        let _ = writeln!(
            svg,
            "<circle class=\"least {class}\" cx=\"{x}\" cy=\"52\" r=\"5\"/>"
        );
        text(svg, "", "start", x + 12.0, 56.5, words);
    }
}

/// A line and a number for each power of ten.
fn axis(svg: &mut String, decades: &RangeInclusive<i32>, foot: f64) {
    for decade in decades.clone() {
        let value = 10_f64.powi(decade);
        let x = place(value, decades);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{foot}\"/>"
        );
        text(svg, "quiet", "middle", x, foot + 20.0, &value.to_string());
    }
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    text(
        svg,
        "quiet",
        "middle",
        middle,
        foot + 42.0,
        "milliseconds of one processor",
    );
}

fn text(svg: &mut String, class: &str, anchor: &str, x: f64, y: f64, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
    );
}

/// Powers of ten between which all values are; one at least.
fn decades(values: impl Iterator<Item = f64>) -> RangeInclusive<i32> {
    let powers: Vec<f64> = values.map(f64::log10).collect();
    let least = powers.iter().copied().fold(0.0, f64::min);
    let most = powers.iter().copied().fold(1.0, f64::max);
    least.floor() as i32..=most.ceil() as i32
}

fn place(value: f64, decades: &RangeInclusive<i32>) -> f64 {
    let (first, last) = (f64::from(*decades.start()), f64::from(*decades.end()));
    LEFT + (value.log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::peers::{account::Memory, subject::Measured};

    fn row(name: &'static str, few: f64, many: f64) -> Row {
        let measured = |cpu| {
            Ok(Measured {
                cpu,
                sent: 1.0,
                sessions: 1.0,
                memory: Memory::default(),
            })
        };
        Row {
            few: measured(few),
            many: measured(many),
            ..Row::named(Kind::Peer, name, "")
        }
    }

    #[test]
    fn ten_times_as_much_is_as_far_to_the_right_everywhere() {
        let decades = decades([0.4, 1_065.0].into_iter());
        assert_eq!(decades, -1..=4);
        let step = place(10.0, &decades) - place(1.0, &decades);
        let other = place(4_000.0, &decades) - place(400.0, &decades);
        assert!((step - other).abs() < 1e-9);
        assert_eq!(place(0.1, &decades), LEFT);
        assert_eq!(place(10_000.0, &decades), WIDTH - RIGHT);
    }

    #[test]
    fn whoever_was_not_measured_is_not_drawn_and_names_are_text() {
        let absent = Row::named(Kind::Peer, "absent", "");
        let svg = draw(&[row("a<b>&c", 3.0, 30.0), absent]);
        assert!(svg.contains(">a&lt;b>&amp;c</text>"), "{svg}");
        assert!(!svg.contains("absent"), "{svg}");
        assert_eq!(svg.matches("class=\"peer\"").count(), 1);
        assert_eq!(svg.matches("class=\"peer few\"").count(), 1);
        assert_eq!(svg, draw(&[row("a<b>&c", 3.0, 30.0)]));
    }
}
