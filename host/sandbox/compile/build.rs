//! Lists the probes of `host/sandbox/probe`, so that a new one is a new file and nothing
//! else.

use std::{env, fmt::Write as _, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = PathBuf::from("../probe");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut probes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wat") {
            probes.push(fs::canonicalize(path)?);
        }
    }
    probes.sort();
    let mut table = String::from("[\n");
    for path in probes {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a String can't fail.
        let _ = writeln!(table, "    ({name:?}, include_str!({path:?})),");
    }
    table.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(PathBuf::from(out).join("probes.rs"), table)
}
