//! What a document says about one of its keys.

/// A key with what belongs there. All refusals of a value are worded from it.
#[derive(Debug)]
pub(crate) struct Key {
    /// As written.
    pub(crate) name: &'static str,
    /// A value that is accepted, as TOML. Empty for what is written as headings.
    pub(crate) example: &'static str,
    /// What is accepted, in words.
    pub(crate) rule: &'static str,
}

impl Key {
    pub(crate) const fn new(name: &'static str, example: &'static str, rule: &'static str) -> Self {
        Self {
            name,
            example,
            rule,
        }
    }

    /// What to write, for people.
    pub(crate) fn instead(&self) -> String {
        if self.example.is_empty() {
            return format!("write {}", self.rule);
        }
        format!("write `{} = {}`: {}", self.name, self.example, self.rule)
    }
}
