//! Packages of the Python package index, for tests that hold us against what others wrote.

use std::{fs, path::PathBuf, process::Command, sync::Mutex};

use crate::{program, without};

/// Packages that are installed together, once, in Cargo's build folder.
#[derive(Clone, Copy, Debug)]
pub struct PythonPackages {
    /// Name and version, which name the folder: it is made anew for another one.
    pub folder: &'static str,
    /// What pip installs, each with its version.
    pub packages: &'static [&'static str],
    /// What they are, for whoever has to do without.
    pub what: &'static str,
    /// What is not tested without them.
    pub why: &'static str,
}

impl PythonPackages {
    /// A Python that has them. If it can't be had: with `CI=true` this fails the test,
    /// elsewhere it notes the skip and answers none.
    ///
    /// # Panics
    ///
    /// With `CI=true`, or if a program that is there can't be started.
    pub fn python(&self) -> Option<PathBuf> {
        // Tests run side by side, and they are installed once.
        static INSTALLING: Mutex<()> = Mutex::new(());
        let python = program("python3")?;
        let Ok(_alone) = INSTALLING.lock() else {
            panic!("another test could not install its packages");
        };
        let test = std::env::current_exe().expect("a test has a path");
        let target = test.ancestors().nth(3).expect("it is in Cargo's folder");
        let place = target.join(self.folder);
        let ready = place.join("ready");
        if !ready.exists() {
            let mut make = Command::new(python);
            make.args(["-m", "venv", "--clear"]).arg(&place);
            let mut pip = Command::new(place.join("bin/pip"));
            pip.args(["install", "--quiet"]).args(self.packages);
            if !succeeds(&mut make) || !succeeds(&mut pip) {
                let missing = format!("{} (from the Python package index)", self.what);
                without(&missing, self.why);
                return None;
            }
            fs::write(ready, "").expect("the folder was made by this test");
        }
        Some(place.join("bin/python"))
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
