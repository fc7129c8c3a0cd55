//! The database that the real rpm writes, compared with what it says is in there.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bailiwick_sdk::{Collector as _, fake::Device};

use super::*;
use crate::Inventory;

/// rpm, its sources and its database in a folder of their own.
struct Rpm {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Rpm {
    /// None, and a note of it, if the program is not there.
    fn find() -> Option<Self> {
        let program = bailiwick_needs::program("rpm")?;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("db")).unwrap();
        Some(Self { program, folder })
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn rpm(&self, arguments: &[&str]) -> String {
        let database = self.database();
        let database = ["--dbpath", database.to_str().unwrap()];
        self.run(&self.program, &[&database, arguments].concat())
    }

    /// Builds the packages of `spec` and installs them into the database alone.
    fn install(&self, name: &str, spec: &str) {
        let top = self.folder.path().join(name);
        fs::create_dir(&top).unwrap();
        let file = top.join("packages.spec");
        fs::write(&file, spec).unwrap();
        let top = format!("_topdir {}", top.display());
        let build = self.program.with_file_name("rpmbuild");
        let define = ["--quiet", "-bb", "--define", &top];
        let fast = ["--define", "_binary_payload w0.gzdio"];
        let file = [file.to_str().unwrap()];
        self.run(&build, &[&define, &fast[..], &file].concat());
        let mut built = Vec::new();
        files_below(&self.folder.path().join(name).join("RPMS"), &mut built);
        let install = [
            "-i",
            "--justdb",
            "--nodeps",
            "--ignorearch",
            "--ignoreos",
            "--force",
        ];
        let built: Vec<&str> = built.iter().map(|path| path.to_str().unwrap()).collect();
        self.rpm(&[&install, built.as_slice()].concat());
    }

    /// What rpm says is installed, as the reader gives it.
    fn says(&self) -> Vec<Package> {
        let format = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\t\
                      %|VENDOR?{%{VENDOR}}|\\t%{LONGSIZE}\\t%{INSTALLTIME}\\n";
        let text = self.rpm(&["-qa", "--qf", format]);
        text.lines()
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let [name, version, architecture, vendor, size, installed] = fields.as_slice()
                else {
                    panic!("rpm says {line}");
                };
                Package {
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    architecture: (*architecture).to_owned(),
                    vendor: (*vendor).to_owned(),
                    size: Some(size.parse().unwrap()),
                    installed: Some(installed.parse::<u64>().unwrap() * 1_000),
                }
            })
            .collect()
    }

    fn device(&self) -> Device {
        Device::new()
            .copy_of("/usr/lib/sysimage/rpm", &self.database())
            .unwrap()
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Enough packages for an interior page. One has an epoch, one a vendor of its own and so
/// many files that its header takes many pages.
fn spec() -> String {
    let mut spec = "Name: first\nVersion: 1.0~rc1\nRelease: 2\nEpoch: 3\nSummary: Erste\n\
        License: MIT\nVendor: Größe & Co\n%description\nA package.\n\n\
        %install\nmkdir -p %{buildroot}/many\n\
        for n in $(seq 900); do echo $n > %{buildroot}/many/a-file-with-a-long-name-$n; done\n\n\
        %files\n\n%package -n large\nSummary: Large\nBuildArch: noarch\n\
        %description -n large\nMany files.\n\n%files -n large\n/many\n\n"
        .to_owned();
    for number in 0..70 {
        let text = "A long description. ".repeat(number);
        let name = format!("part{number}");
        write!(
            spec,
            "%package -n {name}\nSummary: Part\nBuildArch: noarch\n\
             %description -n {name}\n{text}.\n\n%files -n {name}\n\n"
        )
        .unwrap();
    }
    spec
}

fn kernel(version: u32) -> String {
    format!(
        "Name: kernel\nVersion: {version}\nRelease: 1\nSummary: Kernel\nLicense: GPL\n\
         BuildArch: noarch\n%description\nA kernel.\n%files\n"
    )
}

fn sorted(mut packages: Vec<Package>) -> Vec<Package> {
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    packages
}

#[test]
fn what_rpm_installed_is_what_it_says() {
    let Some(rpm) = Rpm::find() else {
        return;
    };
    rpm.install("many", &spec());
    rpm.install("kernel-1", &kernel(1));
    rpm.install("kernel-2", &kernel(2));
    let said = sorted(rpm.says());
    assert_eq!(said.len(), 74);
    let device = rpm.device();
    let found = device.run(|| packages(&mut Source::default()));
    assert_eq!(sorted(found), said);
    assert_eq!(device.log(), []);
    let first = said.iter().find(|package| package.name == "first").unwrap();
    assert_eq!(first.version, "3:1.0~rc1-2");
    assert_eq!(first.vendor, "Größe & Co");
    // Two kernels are two rows.
    let rows = device.run(|| Inventory::new().collect()).unwrap();
    assert_eq!(rows.count("software"), 74);

    rpm.rpm(&["-e", "--justdb", "--nodeps", "large", "part7", "kernel-1-1"]);
    let found = rpm.device().run(|| packages(&mut Source::default()));
    assert_eq!(sorted(found), sorted(rpm.says()));
    rpm.rpm(&["--rebuilddb"]);
    let found = rpm.device().run(|| packages(&mut Source::default()));
    assert_eq!(found.len(), 71);
    assert_eq!(sorted(found), sorted(rpm.says()));
}
