//! An operator: a key that no server has, and what is signed with it.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{Desk, built::output};

/// An operator with a key that the desk's repository lists, for devices of every group.
pub struct Operator<'a> {
    name: &'a str,
}

impl<'a> Operator<'a> {
    /// Makes the key, and lists it with the right to give orders to `handlers`.
    ///
    /// # Panics
    /// It is not accepted.
    pub fn make(desk: &Desk, name: &'a str, handlers: &[&str]) -> Self {
        let keys = file(desk, "keys");
        output(&mut desk.action(&["key", "--name", name, "--out", &keys]));
        let public = format!("{keys}/{name}.pub");
        let mut add = vec!["operator", "add", &public];
        add.extend(["--group", "*", "--until", "2099-12-31"]);
        add.extend(handlers.iter().flat_map(|handler| ["--handler", *handler]));
        desk.repo(&add);
        Self { name }
    }

    /// Drafts with `verb` and `arguments` (`--out` is added), and signs; gives the action's
    /// id and the file of the envelope, which is called after `file_name`.
    ///
    /// # Panics
    /// It is no draft that can be signed.
    pub fn sign(
        &self,
        desk: &Desk,
        file_name: &str,
        verb: &str,
        arguments: &[&str],
    ) -> (String, String) {
        let [draft, envelope] =
            ["draft", "signed"].map(|end| file(desk, &format!("{file_name}.{end}")));
        output(desk.action(&[verb]).args(arguments).args(["--out", &draft]));
        let key = file(desk, &format!("keys/{}.json", self.name));
        output(&mut desk.action(&["sign", "--key", &key, "--out", &envelope, &draft]));
        let text = fs::read_to_string(&draft).expect("it was drafted");
        let draft: Value = serde_json::from_str(&text).expect("a draft is JSON");
        let id = draft["id"].as_str().unwrap_or_default().to_owned();
        (id, envelope)
    }
}

impl Desk {
    /// Hands an envelope in to the console.
    ///
    /// # Panics
    /// The console does not take it.
    pub fn send(&self, envelope: &str) {
        let (ca, to) = (file(self, "repository/tls/ca.pem"), self.console_address());
        output(&mut self.action(&["send", envelope, "--to", &to, "--ca", &ca]));
    }

    /// `action watch` of an action, to be started.
    #[must_use]
    pub fn watching(&self, id: &str) -> Command {
        let data = file(self, "console");
        self.action(&["watch", "--json", "--within", "100 s", "--data", &data, id])
    }

    /// Follows an action to its end: the exit code, and how it ended on the last device that
    /// told.
    ///
    /// # Panics
    /// The program does not start.
    #[must_use]
    pub fn watch(&self, id: &str) -> (i32, Value) {
        let watched = self.watching(id).output().expect("the program starts");
        let text = String::from_utf8_lossy(&watched.stdout).into_owned();
        let last = text.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_default();
        (watched.status.code().unwrap_or(-1), told["outcome"].clone())
    }

    /// What each device told of an action, as the console lists it.
    ///
    /// # Panics
    /// The console does not know the action.
    #[must_use]
    pub fn told(&self, id: &str) -> Vec<Value> {
        let data = file(self, "console");
        let text = output(&mut self.action(&["list", "--json", "--last", "1000", "--data", &data]));
        let listed = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_default());
        let found: Option<Value> = listed.into_iter().find(|action: &Value| action["id"] == id);
        let found = found.expect("the console lists it");
        found["devices"].as_array().cloned().unwrap_or_default()
    }
}

fn file(desk: &Desk, name: &str) -> String {
    desk.path(name).display().to_string()
}
