//! Operators, as the `policies` role signs them.

use std::fmt::Display;

use bailiwick_core::{
    action::{OPERATORS_TARGET, Operator, Operators, Reach},
    policy::last_day,
    time::Timestamp,
};

use crate::{Repository, RepositoryError, disk, draft::Draft, quoted::quoted};

impl Repository {
    /// Everybody who may sign actions.
    pub fn operators(&self) -> Result<Operators, RepositoryError> {
        Ok(match self.target("policies", OPERATORS_TARGET)? {
            Some(text) => Operators::parse(OPERATORS_TARGET, &text)?,
            None => Operators::default(),
        })
    }

    /// Lets an operator sign actions, in place of what was listed of the same name or key.
    pub fn add_operator(&self, operator: Operator, now: Timestamp) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut operators = self.operators()?;
        operators
            .operators
            .retain(|one| one.name != operator.name && one.key != operator.key);
        operators.operators.push(operator);
        self.write_operators(&operators, now)
    }

    /// Lets an operator sign actions no more: devices refuse them from their next refresh on.
    ///
    /// # Errors
    /// Nobody of that name is listed, among others.
    pub fn remove_operator(&self, name: &str, now: Timestamp) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut operators = self.operators()?;
        let before = operators.operators.len();
        operators.operators.retain(|one| one.name != name);
        if operators.operators.len() == before {
            return Err(RepositoryError::NoOperator(name.to_owned()));
        }
        self.write_operators(&operators, now)
    }

    fn write_operators(
        &self,
        operators: &Operators,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let text = to_toml(operators);
        Operators::parse(OPERATORS_TARGET, &text)?;
        let mut draft = Draft::new(self, now)?;
        draft.add_target("policies", OPERATORS_TARGET, text.into_bytes())?;
        draft.commit().map(|_| ())
    }
}

fn to_toml(operators: &Operators) -> String {
    let mut text = String::from("format = 1\n");
    for one in &operators.operators {
        text.push_str(&format!(
            "\n[[operator]]\nname = {}\nkey = \"{}\"\nhandlers = {}\ngroups = {}\nuntil = {}\n",
            quoted(&one.name),
            one.key,
            reach(&one.handlers),
            reach(&one.groups),
            last_day(one.until),
        ));
    }
    text
}

fn reach<T: Ord + Display>(reach: &Reach<T>) -> String {
    match reach {
        Reach::All => "[\"*\"]".to_owned(),
        Reach::Named(named) => {
            let names: Vec<String> = named.iter().map(|name| format!("\"{name}\"")).collect();
            format!("[{}]", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, byte: u8) -> Operator {
        Operator {
            name: name.to_owned(),
            key: bailiwick_core::action::OperatorKey::from_bytes([byte; 32]),
            handlers: Reach::Named(["run-program".parse().unwrap()].into()),
            groups: Reach::All,
            until: Timestamp::from_ms(1_830_297_600_000),
            line: 0,
        }
    }

    #[test]
    fn what_is_written_is_what_devices_read() {
        let two = Operators {
            operators: vec![operator("alice \"a\"", 1), operator("bob", 2)],
        };
        let text = to_toml(&two);
        assert!(text.contains("until = 2027-12-31\n"), "{text}");
        let mut read = Operators::parse("o", &text).unwrap();
        read.operators.iter_mut().for_each(|one| one.line = 0);
        assert_eq!(read, two);
    }

    #[test]
    fn operators_come_are_replaced_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_ms(1_800_000_000_000);
        let settings = crate::Init {
            vendors: Vec::new(),
            server_names: Vec::new(),
            now,
        };
        Repository::init(folder.path(), &settings).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        assert_eq!(repository.operators().unwrap(), Operators::default());
        repository.add_operator(operator("alice", 1), now).unwrap();
        repository.add_operator(operator("alice", 2), now).unwrap();
        repository.add_operator(operator("bob", 3), now).unwrap();
        let names = || -> Vec<(String, u8)> {
            let listed = repository.operators().unwrap().operators;
            let named = listed.iter();
            named
                .map(|one| (one.name.clone(), one.key.as_bytes()[0]))
                .collect()
        };
        assert_eq!(names(), [("alice".into(), 2), ("bob".into(), 3)]);
        repository.remove_operator("alice", now).unwrap();
        assert_eq!(names(), [("bob".into(), 3)]);
        let unknown = repository.remove_operator("alice", now).unwrap_err();
        assert!(unknown.to_string().contains("alice"), "{unknown}");
    }
}
