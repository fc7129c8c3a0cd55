//! What a change of the settings means for an agent that runs.

use std::fmt;

use super::{Listed, Name, Settings, TakesEffect};

/// What becomes of settings that were read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// What counts from now on: the new values, but for those of [`Self::waiting`].
    pub used: Settings,
    /// What is different in [`Self::used`].
    pub changed: Vec<Changed>,
    /// New values that count when the agent starts again.
    pub waiting: Vec<Listed>,
}

/// A setting with another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// As it was.
    pub from: Listed,
    /// As it is.
    pub to: Listed,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &str| match value {
            "" => "nothing".to_owned(),
            value => format!("`{value}`"),
        };
        write!(
            f,
            "{}: {} is now {} ({})",
            self.to.name,
            shown(&self.from.value),
            shown(&self.to.value),
            self.to.origin
        )
    }
}

impl Settings {
    /// What becomes of `read` where these settings are in use.
    #[must_use]
    pub fn reload(&self, read: Self) -> Reload {
        let (mut changed, mut waiting) = (Vec::new(), Vec::new());
        let mut used = read;
        for (from, to) in self.listed.iter().zip(&mut used.listed) {
            if from.value == to.value {
                continue;
            }
            match to.name.takes_effect() {
                TakesEffect::AtOnce => changed.push(Changed {
                    from: from.clone(),
                    to: to.clone(),
                }),
                TakesEffect::AtNextStart => waiting.push(std::mem::replace(to, from.clone())),
            }
        }
        for listed in &waiting {
            used.keep(listed.name, self);
        }
        Reload {
            used,
            changed,
            waiting,
        }
    }

    /// Takes over one value.
    fn keep(&mut self, name: Name, from: &Self) {
        match name {
            Name::DataDir => self.data_dir.clone_from(&from.data_dir),
            Name::UpdateUrl => self.update_url.clone_from(&from.update_url),
            Name::RootSha256 => self.root_sha256 = from.root_sha256,
            Name::CaFile => self.ca_file.clone_from(&from.ca_file),
            Name::ReportUrl => self.report_url.clone_from(&from.report_url),
            Name::MqttUrl => self.mqtt_url.clone_from(&from.mqtt_url),
            Name::MqttLoginFile => self.mqtt_login_file.clone_from(&from.mqtt_login_file),
            Name::Ack => self.ack = from.ack,
            Name::Groups => self.groups.clone_from(&from.groups),
            Name::RefreshEvery => self.refresh_every = from.refresh_every,
            Name::OtlpUrl => self.otlp_url.clone_from(&from.otlp_url),
            Name::OtlpEvery => self.otlp_every = from.otlp_every,
            Name::Socket => self.socket.clone_from(&from.socket),
            Name::Compiler => self.compiler.clone_from(&from.compiler),
            Name::CeilingFile => self.ceiling_file.clone_from(&from.ceiling_file),
            Name::ObserveDir => self.observe_dir.clone_from(&from.observe_dir),
            Name::CpuBudget => self.budget.cpu = from.budget.cpu,
            Name::MemoryBudget => self.budget.memory = from.budget.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Layer;

    fn settings(lines: &str) -> Settings {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let text = format!(
            "format = 1\nupdate-url = \"https://u.example/\"\nroot-sha256 = \"{digest}\"\n{lines}"
        );
        Settings::merge(&[Layer::file("a.toml", &text).unwrap()]).unwrap()
    }

    #[test]
    fn what_can_change_changes_and_the_rest_waits() {
        let old = settings("refresh-every = \"1 h\"\ndata-dir = \"/a\"\n");
        let new = settings("refresh-every = \"2 h\"\ndata-dir = \"/b\"\ngroups = [\"pilot\"]\n");
        let reload = old.reload(new);
        let words: Vec<_> = reload.changed.iter().map(Changed::to_string).collect();
        assert_eq!(
            words,
            [
                "groups: nothing is now `pilot` (a.toml:6)",
                "refresh-every: `1 h` is now `2 h` (a.toml:4)",
            ]
        );
        let waiting: Vec<_> = reload.waiting.iter().map(|one| one.name).collect();
        assert_eq!(
            waiting,
            [Name::DataDir, Name::Socket],
            "one follows the other"
        );
        assert_eq!(reload.waiting[0].value, "/b");
        assert_eq!(reload.used.data_dir, old.data_dir);
        assert_eq!(reload.used.socket, old.socket);
        assert_eq!(reload.used.groups.len(), 1);
        assert_eq!(reload.used.list()[0], old.list()[0]);
    }

    #[test]
    fn every_setting_is_taken_over_or_kept_whole() {
        let old = settings("");
        let new = settings(
            "data-dir = \"/b\"\nca-file = \"/c\"\nreport-url = \"https://r.example/\"\n\
             mqtt-url = \"mqtts://m.example\"\nack = \"broker\"\nmqtt-login-file = \"/m\"\n\
             groups = [\"g\"]\nrefresh-every = \"2 h\"\notlp-url = \"https://o.example/\"\n\
             otlp-every = \"2 h\"\nsocket = \"/s\"\ncompiler = \"/k\"\n\
             ceiling-file = \"/l\"\ncpu-budget = \"2 %\"\nmemory-budget = \"9 MB\"\n",
        );
        let mut used = new.clone();
        for name in Name::ALL {
            used.keep(name, &old);
        }
        used.listed.clone_from(&old.listed);
        assert_eq!(used, old);
        let reload = old.reload(old.clone());
        assert_eq!((reload.changed, reload.waiting), (vec![], vec![]));
    }
}
