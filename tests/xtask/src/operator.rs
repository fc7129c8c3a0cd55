//! An operator: a key that no server has, and what is signed with it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::desk::{Desk, output};

/// What people call the operator.
const NAME: &str = "helpdesk";

/// An operator with a key that the repository lists.
pub(crate) struct Operator {
    folder: PathBuf,
    /// With which the operator signs and sends.
    program: PathBuf,
}

impl Operator {
    /// Makes the key, and has `policies` sign that it may give orders to `handlers`.
    pub(crate) fn make(desk: &Desk, handlers: &[&str]) -> anyhow::Result<Self> {
        let folder = desk.folder().join("operator");
        std::fs::create_dir(&folder)?;
        let program = desk.console();
        let operator = Self { folder, program };
        let mut key = operator.action("key");
        output(key.args(["--name", NAME, "--out"]).arg(&operator.folder))?;
        let public = operator.file("helpdesk.pub");
        let public = public.to_str().context("a path is not text")?;
        let mut add = vec!["operator", "add", "--group", "*", "--until", "2099-12-31"];
        add.extend(handlers.iter().flat_map(|handler| ["--handler", *handler]));
        add.push(public);
        desk.repo(&add)?;
        Ok(operator)
    }

    /// Drafts, signs and sends; gives the action's id.
    pub(crate) fn ask(
        &self,
        desk: &Desk,
        console: &str,
        device: &str,
        order: (&str, &str),
    ) -> anyhow::Result<String> {
        let signed = self.sign("order", device, order)?;
        self.send(desk, console, &signed)
    }

    /// Drafts and signs; gives the file of the envelope, which is called after `name`.
    pub(crate) fn sign(
        &self,
        name: &str,
        device: &str,
        (handler, arguments): (&str, &str),
    ) -> anyhow::Result<PathBuf> {
        let [draft, signed] = ["draft", "signed"].map(|end| self.file(format!("{name}.{end}")));
        let mut command = self.action("draft");
        command.args(["--handler", handler, "--device", device]);
        command.args(["--arguments", arguments, "--out"]);
        output(command.arg(&draft))?;
        let mut command = self.action("sign");
        command.arg("--key").arg(self.file("helpdesk.json"));
        output(command.arg("--out").arg(&signed).arg(&draft))?;
        Ok(signed)
    }

    /// Hands an envelope in; gives the action's id.
    pub(crate) fn send(&self, desk: &Desk, console: &str, signed: &Path) -> anyhow::Result<String> {
        let mut command = self.action("send");
        command.args(["--json", "--to", console, "--ca"]);
        let ca = desk.folder().join("repository/tls/ca.pem");
        let sent: Value = serde_json::from_str(&output(command.arg(ca).arg(signed))?)?;
        let id = sent["sent"].as_str().map(str::to_owned);
        id.with_context(|| format!("what was sent has no id: {sent}"))
    }

    /// Follows an action until the device has told how it ended.
    pub(crate) fn watch(&self, desk: &Desk, id: &str) -> anyhow::Result<Value> {
        let mut command = self.action("watch");
        command.args(["--json", "--within", "30 s", "--data"]);
        command.arg(desk.folder().join("console")).arg(id);
        let text = output(&mut command)?;
        let last = text.lines().last().context("nothing was told of it")?;
        Ok(serde_json::from_str(last)?)
    }

    /// When the console took an action in, and when it heard how that ended on the only
    /// device that it names: milliseconds since 1970, both by the console's clock.
    pub(crate) fn times(&self, desk: &Desk, id: &str) -> anyhow::Result<(i64, i64)> {
        let mut command = self.action("list");
        command.args(["--json", "--last", "1", "--data"]);
        let listed: Value =
            serde_json::from_str(&output(command.arg(desk.folder().join("console")))?)?;
        ensure!(listed["id"] == id, "{id} is not the latest: {listed}");
        let sent = listed["sent-ms"].as_i64();
        let heard = listed["devices"][0]["received-ms"].as_i64();
        sent.zip(heard)
            .with_context(|| format!("the console has not heard of {id}: {listed}"))
    }

    fn action(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["action", verb]);
        command
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }
}
