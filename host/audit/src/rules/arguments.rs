//! Arguments of programs that whoever asks can choose too freely.

use bailiwick_core::policy::{Effect, Form, Grant, Scope, TextPattern};

use super::Case;
use crate::{PolicyFile, Rule};

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile, path: &str, grant: &Grant) {
    let (Scope::Programs(programs), Effect::Allow) = (&grant.scope, grant.effect) else {
        return;
    };
    for (program_index, program) in programs.iter().enumerate() {
        for (list_index, shape) in program.arguments.iter().enumerate() {
            for (index, item) in shape.0.iter().enumerate() {
                let Form::Matches(pattern) = &item.is else {
                    continue;
                };
                let atoms = atoms(pattern);
                let what = match (gives_an_option(&atoms), climbs(&atoms)) {
                    (true, true) => "an option, or a path with `..`",
                    (true, false) => "an option",
                    (false, true) => "a path with `..`",
                    (false, false) => continue,
                };
                let place = policy.place(&format!(
                    "{path}.programs.{program_index}.arguments.{list_index}.{index}"
                ));
                let text = format!("`{pattern}` lets `{}` be given {what}", program.path);
                case.find(Rule::FreeArguments, place, text);
            }
        }
    }
}

/// A piece of a pattern: which characters, and how many of them.
struct Atom {
    /// Written out, so that nobody chooses.
    literal: Option<char>,
    /// The piece as a pattern of one character.
    one: TextPattern,
    least: usize,
    most: usize,
}

impl Atom {
    fn takes(&self, character: char) -> bool {
        self.one.matches(character.encode_utf8(&mut [0; 4]))
    }

    fn takes_other_than(&self, these: &[char]) -> bool {
        // A class that names no character of a keyboard is taken to name others.
        let mut others = (' '..='~').filter(|character| !these.contains(character));
        others.any(|other| self.takes(other)) || !(' '..='~').any(|key| self.takes(key))
    }
}

/// Takes a pattern apart, by the rules under which core accepted it.
fn atoms(pattern: &TextPattern) -> Vec<Atom> {
    let text = pattern.to_string();
    let mut rest = text.chars().peekable();
    let mut atoms = Vec::new();
    while let Some(first) = rest.next() {
        let mut piece = first.to_string();
        let mut literal = Some(first);
        if first == '[' {
            literal = None;
            while let Some(next) = rest.next() {
                piece.push(next);
                match next {
                    '\\' => piece.extend(rest.next()),
                    ']' => break,
                    _ => {}
                }
            }
        } else if first == '\\' {
            literal = rest.next();
            piece.extend(literal);
        }
        let (least, most) = match rest.next_if_eq(&'{') {
            Some(_) => {
                let count: String = rest.by_ref().take_while(|next| *next != '}').collect();
                let (least, most) = count.split_once(',').unwrap_or((&count, &count));
                (
                    least.parse().unwrap_or(0),
                    most.parse().unwrap_or(usize::MAX),
                )
            }
            None => (1, 1),
        };
        if let Ok(one) = piece.parse() {
            atoms.push(Atom {
                literal,
                one,
                least,
                most,
            });
        }
    }
    atoms
}

/// Where reading a text that matches can stand; sets of these are walked through the atoms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the begin of the text, or of a part of a path.
    Begin,
    /// After one `-` or `.` that counts.
    Once,
    /// After `..`.
    Twice,
    /// Where nothing counts any more, or not until the next part.
    Past,
    /// What is looked for is there, whatever follows.
    Found,
}

const ALL: [At; 5] = [At::Begin, At::Once, At::Twice, At::Past, At::Found];

/// The places where a matching text can end, stepping through each atom by `step`.
fn ends(atoms: &[Atom], step: impl Fn(&Atom, At) -> Vec<At>) -> Vec<At> {
    let mut here = vec![At::Begin];
    for atom in atoms {
        let mut reached = Vec::new();
        // What is not reached by so many more repetitions than the least is never reached.
        for times in 0..=atom.most.min(atom.least + ALL.len()) {
            if times >= atom.least {
                reached.extend(here.iter().copied());
            }
            let next: Vec<At> = here.iter().flat_map(|at| step(atom, *at)).collect();
            here = ALL.into_iter().filter(|at| next.contains(at)).collect();
        }
        here = reached;
    }
    here
}

/// Whether it takes a text that begins with `-`, followed by what whoever asks chooses before
/// a `=` that is written out.
fn gives_an_option(atoms: &[Atom]) -> bool {
    let step = |atom: &Atom, at: At| match (at, atom.literal) {
        (At::Begin, Some('-')) => vec![At::Once],
        (At::Begin, Some(_)) => vec![At::Past],
        (At::Begin, None) => {
            let mut next = vec![At::Past];
            next.extend(atom.takes('-').then_some(At::Found));
            next
        }
        (At::Once, Some('=')) => vec![At::Past],
        (At::Once, Some(_)) => vec![At::Once],
        (At::Once, None) => vec![At::Found],
        (past, _) => vec![past],
    };
    ends(atoms, step).contains(&At::Found)
}

/// Whether it takes a text of which a part, between slashes, is `..`.
fn climbs(atoms: &[Atom]) -> bool {
    let step = |atom: &Atom, at: At| {
        let mut next = Vec::new();
        if at == At::Found {
            return vec![At::Found];
        }
        if atom.takes('.') {
            next.push(match at {
                At::Begin => At::Once,
                At::Once => At::Twice,
                At::Twice | At::Past | At::Found => At::Past,
            });
        }
        if atom.takes('/') {
            next.push(if at == At::Twice {
                At::Found
            } else {
                At::Begin
            });
        }
        if atom.takes_other_than(&['.', '/']) {
            next.push(At::Past);
        }
        next
    };
    let ends = ends(atoms, step);
    ends.contains(&At::Found) || ends.contains(&At::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pattern: &str) -> (bool, bool) {
        let atoms = atoms(&pattern.parse().unwrap());
        (gives_an_option(&atoms), climbs(&atoms))
    }

    #[test]
    fn an_option_is_free_if_whoever_asks_chooses_its_name() {
        for free in [
            "[a-z-]{1,32}",
            "-[a-z]",
            "--[a-z]{2}=x",
            "[ab]{0,1}[-]x",
            "x{0,1}-[a-z]",
            r"[\-]",
        ] {
            assert!(judged(free).0, "{free}");
        }
        for bound in [
            "[a-z]{1,32}",
            "--name=[a-z-]{1,9}",
            "-x",
            "x[-]",
            "/[a-z-]{0,64}",
            "x{1,2}[-]",
        ] {
            assert!(!judged(bound).0, "{bound}");
        }
    }

    #[test]
    fn a_path_climbs_if_a_whole_part_of_it_can_be_two_dots() {
        for climbing in [
            r"\.\.",
            "[a-z.]{1,9}",
            "/[a-z./]{0,64}",
            r"/[.]\./x",
            "x{0,4}[.]{2}",
            "[a-z/]{1,3}[.]{1,2}[a-z/]{0,1}",
            "[a-z.]{4096}/[.]{0,4096}",
        ] {
            assert!(judged(climbing).1, "{climbing}");
        }
        for bound in [
            "/[a-z0-9/_-]{0,64}",
            "v[0-9.]{1,9}",
            "[0-9.]{1}",
            r"[0-9]{1,3}\.[0-9]{1,3}",
            "[.]{3,9}",
            "x[.]{2}/",
            r"[a-z]\.\.",
        ] {
            assert!(!judged(bound).1, "{bound}");
        }
    }
}
