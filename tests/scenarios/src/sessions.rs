//! Users who log in, and what is put away of their sessions.

use std::collections::BTreeMap;

use bailiwick_needs::Login;

use crate::{Desk, Program};

impl Program {
    /// Waits until the agent tells of this login; gives its session's id.
    ///
    /// # Panics
    /// It does not.
    pub fn opened(&mut self, login: &Login) -> String {
        let number = login.audit().expect("it runs").to_string();
        let event = self.until("the session", |line| {
            let session = line["session"].as_str().unwrap_or_default();
            line["event"] == "session-opened"
                && session.split_once('#').map(|(before, _)| before) == Some(&number)
        });
        event["session"].as_str().unwrap_or_default().to_owned()
    }
}

impl Desk {
    /// What the files say that wait, by session.
    ///
    /// # Panics
    /// One of them can't be decoded.
    #[must_use]
    pub fn session_files(&self) -> BTreeMap<String, Vec<String>> {
        let shown = self.ask(&["outbox", "show", "--decoded", "--last", "1000"]);
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in shown["waiting"].as_array().into_iter().flatten() {
            let what = entry["what"].as_str().unwrap_or_default();
            if let Some((_, session)) = what.split_once(" on session ") {
                let text = entry["content"]["text"].as_str();
                let text = text.unwrap_or_else(|| panic!("{entry}")).to_owned();
                files.entry(session.to_owned()).or_default().push(text);
            }
        }
        files
    }
}
