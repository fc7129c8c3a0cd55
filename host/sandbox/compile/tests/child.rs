//! The sandbox's side and the real program together.

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    ports::{Compile as _, CompileError},
};
use bailiwick_sandbox::{
    Component,
    artifact::{Artifacts, Discarded},
    compile::{Child, ChildLimits},
    engine::engine,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bailiwick-compile");

const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn child(limits: ChildLimits) -> Child {
    Child::new(PROGRAM, limits)
}

fn leb(mut number: usize, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    leb(bytes.len(), &mut all);
    all.extend(bytes);
    all
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &prefixed(content)].concat()
}

/// A valid component of `functions` functions, each of `steps` steps that depend on all
/// before: `local 0 = (local 0 * local 1) ^ local 0`. The locals are the parameters and the
/// last value is returned, so that nothing can be left out.
fn bomb(functions: usize, steps: usize) -> Vec<u8> {
    let step = [0x20, 0, 0x20, 1, 0x7e, 0x20, 0, 0x85, 0x21, 0];
    let body = [&[0][..], &step.repeat(steps), &[0x20, 0, 0x0b]].concat();
    let mut declared = Vec::new();
    let mut code = Vec::new();
    leb(functions, &mut declared);
    leb(functions, &mut code);
    declared.resize(declared.len() + functions, 0);
    for _ in 0..functions {
        code.extend(prefixed(&body));
    }
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]),
        section(3, &declared),
        section(10, &code),
    ]
    .concat();
    [EMPTY, &section(1, &module)].concat()
}

#[tokio::test]
async fn a_component_becomes_an_artifact_that_the_engine_loads() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine().expect("an engine");
    let artifacts = Artifacts::open(&folder.path().join("artifacts"), &engine).expect("opened");
    let child = child(ChildLimits::default());
    let component = bomb(2, 3);
    let fresh = artifacts
        .load_or_compile(&component, &child)
        .await
        .expect("compiled");
    Component::from_artifact(&engine, &fresh).expect("loads");
    let stored = artifacts.load(&Sha256::of(&component)).expect("stored");
    assert_eq!(fresh.bytes(), stored.bytes());
    Component::from_artifact(&engine, &stored).expect("loads");
    assert_eq!(artifacts.discarded(), Discarded::default());
}

#[tokio::test]
async fn a_tampered_artifact_is_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine().expect("an engine");
    let path = folder.path().join("artifacts");
    let artifacts = Artifacts::open(&path, &engine).expect("opened");
    let child = child(ChildLimits::default());
    let fresh = artifacts
        .load_or_compile(EMPTY, &child)
        .await
        .expect("compiled");
    let file = path.join(format!("{}.artifact", Sha256::of(EMPTY)));
    let mut bytes = fs::read(&file).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("written");
    let again = artifacts
        .load_or_compile(EMPTY, &child)
        .await
        .expect("compiled");
    assert_eq!(fresh.bytes(), again.bytes());
    assert_eq!(artifacts.discarded().tampered, 1);
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_the_reason() {
    let child = child(ChildLimits::default());
    let mut invalid = bomb(1, 1);
    // Of the last function: `end` becomes an unknown instruction.
    *invalid.last_mut().expect("not empty") = 0xff;
    for (bytes, reason) in [
        (&b"\0asm\x01\0\0\0"[..], "core module"),
        (b"<html>", "not WebAssembly"),
        (b"", "empty"),
        (&invalid, "illegal opcode"),
    ] {
        match child.compile(bytes).await {
            Err(CompileError::Refused(text)) => assert!(text.contains(reason), "{text}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_compile_time_bomb_is_stopped() {
    let limits = ChildLimits {
        time: Duration::from_secs(1),
        ..ChildLimits::default()
    };
    match child(limits).compile(&bomb(400, 2_000)).await {
        Err(CompileError::Stopped(text)) => assert!(text.contains("1 s"), "{text}"),
        other => panic!("{:?}", other.map(|artifact| artifact.len())),
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_memory_bomb_is_stopped() {
    let limits = ChildLimits {
        memory: ByteCount::mib(160),
        ..ChildLimits::default()
    };
    match child(limits).compile(&bomb(1, 100_000)).await {
        Err(CompileError::Stopped(text)) => {
            assert!(text.contains("more memory than 160 MiB"), "{text}")
        }
        other => panic!("{:?}", other.map(|artifact| artifact.len())),
    }
}

#[tokio::test]
async fn sizes_are_bounded_on_both_sides() {
    let refused = |limits, bytes: Vec<u8>| async move { child(limits).compile(&bytes).await };
    let small = ChildLimits {
        component: ByteCount::new(7),
        ..ChildLimits::default()
    };
    let error = refused(small, EMPTY.to_vec()).await.expect_err("too long");
    assert!(matches!(error, CompileError::Refused(_)), "{error}");
    let small = ChildLimits {
        artifact: ByteCount::new(100),
        ..ChildLimits::default()
    };
    let error = refused(small, EMPTY.to_vec()).await.expect_err("too long");
    assert!(error.to_string().contains("longer than 100 B"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let child = Child::new("/nowhere/bailiwick-compile", ChildLimits::default());
    let error = child.compile(EMPTY).await.expect_err("not started");
    assert!(
        error
            .to_string()
            .starts_with("the compiler `/nowhere/bailiwick-compile` can't be")
    );
}

#[test]
fn every_probe_is_listed_and_compiles() {
    let listed = Command::new(PROGRAM)
        .args(["--probe", "list"])
        .output()
        .expect("started");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let there: BTreeSet<_> = fs::read_dir("../probe")
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".wat").map(str::to_owned))
        .collect();
    assert_eq!(
        listed.lines().map(str::to_owned).collect::<BTreeSet<_>>(),
        there
    );
    for name in listed.lines().chain(["no-such-probe"]) {
        let output = Command::new(PROGRAM)
            .args(["--probe", name])
            .output()
            .expect("started");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.success(),
            name != "no-such-probe",
            "{name}: {error}"
        );
        assert_eq!(output.stdout.is_empty(), name == "no-such-probe", "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_as_output_is_refused_before_anything_is_read() {
    let file = tempfile::tempfile().expect("a file");
    let output = Command::new(PROGRAM)
        .stdout(file)
        .stderr(std::process::Stdio::piped())
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output is a file"));
}
