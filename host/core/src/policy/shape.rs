//! Which arguments a program may be given: a list of shapes, each a list of items.

use super::text_pattern::TextPattern;

/// Most arguments of one run.
pub const MOST_ARGUMENTS: usize = 64;

/// Longest argument, in bytes.
pub const LONGEST_ARGUMENT: usize = 4 * 1024;

/// One argument, or several that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What one looks like.
    pub is: Form,
    /// How many there may be at most: at least one is there.
    pub at_most: u8,
}

/// What one argument looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Exactly this.
    Literal(String),
    /// One of these.
    OneOf(Vec<String>),
    /// All of it matches.
    Matches(TextPattern),
}

impl Form {
    fn fits(&self, argument: &str) -> bool {
        match self {
            Self::Literal(text) => text == argument,
            Self::OneOf(texts) => texts.iter().any(|text| text == argument),
            Self::Matches(pattern) => pattern.matches(argument),
        }
    }

    /// Every argument that fits, unless a pattern says which.
    fn each(&self) -> Option<&[String]> {
        match self {
            Self::Literal(text) => Some(std::slice::from_ref(text)),
            Self::OneOf(texts) => Some(texts),
            Self::Matches(_) => None,
        }
    }

    fn is_within(&self, other: &Self) -> bool {
        match (self.each(), self, other) {
            (Some(texts), _, _) => texts.iter().all(|text| other.fits(text)),
            (None, Self::Matches(mine), Self::Matches(other)) => mine.is_within(other),
            (None, _, _) => false,
        }
    }
}

/// One whole list of arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape(pub Vec<Item>);

impl Shape {
    /// Whether `arguments`, all of them, have this shape. Time is bounded by items times
    /// arguments.
    pub fn fits(&self, arguments: &[String]) -> bool {
        self.reached(arguments).last() == Some(&true)
    }

    /// Whether every list of arguments that has this shape is proven to have one of `others`.
    /// Where it can't be decided it is not.
    pub(super) fn is_within(&self, others: &[Self]) -> bool {
        if let Some(lists) = self.each() {
            let fits = |list: &Vec<String>| others.iter().any(|other| other.fits(list));
            return lists.iter().all(fits);
        }
        others.iter().any(|other| {
            self.0.len() == other.0.len()
                && self.0.iter().zip(&other.0).all(|(mine, other)| {
                    mine.at_most <= other.at_most && mine.is.is_within(&other.is)
                })
        })
    }

    /// Whether the lists of arguments that have this shape are few and can be told.
    pub(super) fn is_listed(&self) -> bool {
        self.each().is_some()
    }

    /// Every list of arguments that has this shape, if no pattern is in it and they are few.
    fn each(&self) -> Option<Vec<Vec<String>>> {
        const MOST: usize = 256;
        let mut lists = vec![Vec::new()];
        for item in &self.0 {
            let texts = item.is.each()?;
            let mut longer = Vec::new();
            let mut repeated = lists;
            for _ in 0..item.at_most {
                if repeated.len().saturating_mul(texts.len()) > MOST {
                    return None;
                }
                repeated = with_each(&repeated, texts);
                longer.extend(repeated.iter().cloned());
            }
            if longer.len() > MOST {
                return None;
            }
            lists = longer;
        }
        Some(lists)
    }

    /// After how many arguments the shape can end.
    fn reached(&self, arguments: &[String]) -> Vec<bool> {
        let mut here = vec![false; arguments.len() + 1];
        here[0] = true;
        for item in &self.0 {
            let mut next = vec![false; here.len()];
            // How many more of this item may follow here.
            let mut left = 0;
            for (at, argument) in arguments.iter().enumerate() {
                if here[at] {
                    left = item.at_most;
                }
                if left > 0 && item.is.fits(argument) {
                    next[at + 1] = true;
                    left -= 1;
                } else {
                    left = 0;
                }
            }
            here = next;
        }
        here
    }
}

fn with_each(lists: &[Vec<String>], texts: &[String]) -> Vec<Vec<String>> {
    let with = |list: &Vec<String>, text: &String| {
        let mut list = list.clone();
        list.push(text.clone());
        list
    };
    lists
        .iter()
        .flat_map(|list| texts.iter().map(move |text| with(list, text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn item(is: Form, at_most: u8) -> Item {
        Item { is, at_most }
    }

    #[test]
    fn each_item_is_there_and_as_often_as_it_may() {
        let shape = Shape(vec![
            item(Form::Literal("status".to_owned()), 1),
            item(Form::Matches("[a-z]{1,8}".parse().unwrap()), 3),
            item(Form::OneOf(words("-v -q")), 1),
        ]);
        for fits in ["status a -v", "status a b c -q"] {
            assert!(shape.fits(&words(fits)), "{fits}");
        }
        for other in [
            "",
            "status",
            "status -v",
            "status a",
            "status a b c d -v",
            "start a -v",
            "status A -v",
            "status a -v -q",
            "status a -x",
        ] {
            assert!(!shape.fits(&words(other)), "{other}");
        }
        assert!(Shape::default().fits(&[]));
        assert!(!Shape::default().fits(&words("a")));
    }

    #[test]
    fn items_that_look_alike_share_the_arguments_in_every_way() {
        let any = Form::Matches("[a-z]{1,8}".parse().unwrap());
        let shape = Shape(vec![item(any.clone(), 2), item(any, 2)]);
        for (count, fits) in [(1, false), (2, true), (3, true), (4, true), (5, false)] {
            assert_eq!(shape.fits(&vec!["a".to_owned(); count]), fits, "{count}");
        }
    }
}
