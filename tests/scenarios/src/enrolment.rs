//! Devices that are enrolled at their desk.

use std::process::{Command, Output};

use serde_json::Value;

use crate::{
    Desk, Program,
    built::{output, program},
    desk::unbudgeted,
};

impl Desk {
    /// Starts the console for enrolled devices alone, whose certificates hold for `life`.
    ///
    /// # Panics
    /// It does not listen.
    pub fn console_for_enrolled(&mut self, life: &str) -> Program {
        let broker = self.broker().to_owned();
        self.serve(&["--certificate-life", life, "--mqtt", &broker])
    }

    /// `bailiwick-console device` with these arguments: the JSON values that it prints.
    ///
    /// # Panics
    /// It failed.
    pub fn devices(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(program("bailiwick-console"));
        command
            .arg("device")
            .args(arguments)
            .args(["--json", "--data"]);
        let text = output(command.arg(self.path("console")));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect()
    }

    /// A token.
    ///
    /// # Panics
    /// None is made.
    pub fn invite(&self, more: &[&str]) -> String {
        let (public, tls) = (self.path("repository/public"), self.path("repository/tls"));
        let (public, tls) = (public.display().to_string(), tls.display().to_string());
        let arguments = [&["invite", "--public", &public, "--tls", &tls][..], more].concat();
        let made = self.devices(&arguments);
        made[0]["token"].as_str().unwrap_or_default().to_owned()
    }

    /// `bailiwick enrol` with the data folder `device`.
    ///
    /// # Panics
    /// It can't be started.
    pub fn enrol(&self, device: &str, token: &str) -> Output {
        let mut command = Command::new(program("bailiwick"));
        command.args(["enrol", token, "--json", "--data"]);
        let ended = command.arg(self.path(device)).output();
        ended.expect("the program starts")
    }

    /// Starts the agent with the data folder `device` and no settings besides.
    ///
    /// # Panics
    /// It is not started.
    pub fn enrolled_agent(&self, device: &str) -> Program {
        let mut command = Command::new(program("bailiwick"));
        command.args(["run", "--json", "--data"]);
        unbudgeted(&mut command);
        Program::start(command.arg(self.path(device)))
    }
}
