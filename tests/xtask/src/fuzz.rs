//! `cargo xtask fuzz`: what reads bytes from strangers, fed with everything that libFuzzer
//! finds.
//!
//! The targets are those of cargo-fuzz (`tests/fuzz`), which needs a nightly compiler for the
//! address sanitizer. There is no unsafe code to sanitize here, and coverage can be had from
//! the stable compiler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use bailiwick_needs::program;

use crate::{
    build,
    step::{cargo, quiet, root},
};

/// Bytes of resident memory beyond which a target has failed, in MiB.
const MEMORY_MIB: u32 = 1024;

/// Seconds that one input may take.
const ONE_INPUT: u32 = 10;

/// Coverage as libFuzzer wants it, and `cfg(fuzzing)`: what cargo-fuzz sets, without the
/// address sanitizer.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// A target, where seeds lie beside those of its own, `tests/fuzz/seeds/<target>`, and what
/// libFuzzer is told beside the rest.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    options: &'static [&'static str],
}

impl Target {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            seeds: &[],
            options: &[],
        }
    }
}

const TARGETS: [Target; 7] = [
    Target {
        seeds: &["policies", "tests/cases"],
        ..Target::new("policy")
    },
    Target::new("component"),
    // It decides by every byte: a short input makes no component.
    Target {
        options: &["-len_control=0", "-max_len=2048"],
        ..Target::new("generated-component")
    },
    Target::new("rows"),
    Target {
        seeds: &["tests/cases"],
        ..Target::new("manifest")
    },
    Target::new("report"),
    Target::new("action"),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which target; all of them without this
    target: Option<String>,
    /// How long each, as in 90s, 10m or 8h
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "1m")]
    each: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if program("g++").is_none() {
        bail!("no C++ compiler is installed (package g++), and libFuzzer is written in C++");
    }
    let chosen = |target: &&Target| {
        let wanted = arguments.target.as_deref();
        wanted.is_none_or(|wanted| wanted == target.name)
    };
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    if targets.is_empty() {
        let known = TARGETS.map(|target| target.name).join(", ");
        bail!("no such target; there are {known}");
    }
    quiet("fuzzers, built", &mut build_targets()?)?;
    for target in targets {
        target.run(arguments.each)?;
    }
    Ok(())
}

/// All targets, in a folder of their own: their flags are not those of anything else. With
/// `--target` they are not those of build scripts either.
fn build_targets() -> anyhow::Result<Command> {
    let mut command = cargo(&["build", "--quiet", "--bins", "--target"]);
    command
        .arg(host()?)
        .current_dir(root().join("tests/fuzz"))
        .env("CARGO_TARGET_DIR", build::target().join("fuzz"))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .env_remove("RUSTFLAGS");
    Ok(command)
}

/// The compiler's own target.
fn host() -> anyhow::Result<String> {
    let told = Command::new("rustc").arg("-vV").output();
    let told = told.context("can't start rustc")?.stdout;
    String::from_utf8_lossy(&told)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc does not say which target is its own")
}

fn built(target: &str) -> anyhow::Result<PathBuf> {
    let folder = build::target().join("fuzz").join(host()?);
    Ok(folder.join("debug").join(target))
}

/// Of what is found: `corpus` or `artifacts`, as cargo-fuzz has them; ignored by git.
fn folder(kind: &str, target: &str) -> PathBuf {
    root().join("tests/fuzz").join(kind).join(target)
}

impl Target {
    /// Runs it, and tells libFuzzer's last line. What it said before is in a file, which can be
    /// followed meanwhile.
    fn run(&self, each: Duration) -> anyhow::Result<()> {
        let name = self.name;
        let program = built(name)?;
        let log = build::target().join("fuzz").join(format!("{name}.log"));
        let to =
            fs::File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        println!("── {name}, for {} s: {}", each.as_secs(), log.display());
        let mut command = self.command(&program, each)?;
        let ended = command.stdout(Stdio::null()).stderr(to).status();
        let ended = ended.with_context(|| format!("can't start {}", program.display()))?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if !ended.success() {
            bail!(
                "{name}: an input fails, see {}. It is in {}; `{} INPUT` tries it again",
                log.display(),
                folder("artifacts", name).display(),
                program.display()
            );
        }
        match said.lines().rev().find(|line| line.contains("DONE")) {
            // Without coverage it would only guess.
            Some(line) if line.contains("cov: ") && !line.contains("cov: 0 ") => {
                println!("   {line}");
                Ok(())
            }
            _ => bail!("{name}: libFuzzer saw no coverage, see {}", log.display()),
        }
    }

    /// libFuzzer's own program. What it finds is kept for the next time.
    fn command(&self, program: &Path, each: Duration) -> anyhow::Result<Command> {
        let (corpus, artifacts) = (folder("corpus", self.name), folder("artifacts", self.name));
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("can't make {}", folder.display()))?;
        }
        let mut command = Command::new(program);
        command
            .arg(format!("-max_total_time={}", each.as_secs()))
            .arg(format!("-timeout={ONE_INPUT}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_funcs=0", "-print_final_stats=1"])
            .args(self.options)
            .arg(&corpus);
        let own = root().join("tests/fuzz/seeds").join(self.name);
        command.args(own.exists().then_some(own));
        command.args(self.seeds.iter().map(|seeds| root().join(seeds)));
        Ok(command)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |number: &str, unit: u64| number.parse::<u64>().ok()?.checked_mul(unit);
    text.strip_suffix('s')
        .and_then(|number| seconds(number, 1))
        .or_else(|| {
            text.strip_suffix('m')
                .and_then(|number| seconds(number, 60))
        })
        .or_else(|| {
            text.strip_suffix('h')
                .and_then(|number| seconds(number, 3_600))
        })
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is no time: write 90s, 10m or 8h"))
}
