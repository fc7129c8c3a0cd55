//! Small programs that do the least for the same fields: C over /proc, and the kernel's iterator.
//! And the crowd, which is C as well.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    bench::Bench,
    build::Profile,
    step::{quiet, root},
};

/// A pass over /proc, as little as it can be.
pub(super) const PROC: &str = "C over /proc, cached descriptors";
/// A pass of the kernel's iterator, as little as it can be.
pub(super) const TASKS: &str = "BPF task iterator alone";

const PACKAGE: &str = "bailiwick-device";
const EXAMPLE: &str = "iterate_tasks";

/// Where they are.
pub(super) struct Least {
    pub(super) reads_proc: PathBuf,
    pub(super) crowd: PathBuf,
    pub(super) iterates_tasks: PathBuf,
}

impl Least {
    /// Compiles those of C in `folder`, and the other one as a device's program.
    pub(super) fn build(bench: &Bench, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let iterates_tasks = Profile::Device.built("examples").join(EXAMPLE);
        if !bench.as_built {
            let mut command = Profile::Device.build_example(PACKAGE, EXAMPLE);
            quiet(EXAMPLE, &mut command)?;
        }
        Ok(Self {
            reads_proc: compiled("reads_proc", folder)?,
            crowd: compiled("crowd", folder)?,
            iterates_tasks,
        })
    }
}

/// The program `name` of `tests/benches/peers`.
fn compiled(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let source = root().join("tests/benches/peers").join(format!("{name}.c"));
    let program = folder.join(name);
    let mut command = Command::new("cc");
    command.arg("-O2").arg("-o").arg(&program).arg(&source);
    quiet(name, &mut command)?;
    Ok(program)
}
