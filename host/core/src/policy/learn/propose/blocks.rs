//! A policy's text in parts, each of which is rewritten or kept.

/// A part of the text that begins with a heading.
pub(super) struct Block<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

pub(super) enum Kind {
    Limits,
    /// The line of `[[grant]]`, from 1.
    Grant(u32),
    Other,
}

/// The text, cut before each heading; tables within a grant stay with it.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut cuts = vec![(0, Kind::Other)];
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let heading = line.trim();
        if heading == "[limits]" {
            cuts.push((at, Kind::Limits));
        } else if heading == "[[grant]]" {
            cuts.push((at, Kind::Grant(number)));
        } else if is_heading(heading) {
            cuts.push((at, Kind::Other));
        }
        at += line.len();
    }
    let ends: Vec<usize> = cuts
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([text.len()])
        .collect();
    cuts.into_iter()
        .zip(ends)
        .map(|((begin, kind), end)| Block {
            kind,
            text: &text[begin..end],
        })
        .collect()
}

/// Whether a line begins a table that is no part of a grant. Elements of lists of lists begin
/// with a bracket, too, but name nothing.
fn is_heading(line: &str) -> bool {
    let name = line.trim_start_matches('[');
    line.starts_with('[')
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.starts_with("grant.")
}
