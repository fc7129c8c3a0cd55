//! The public folder of a repository, read as a device reads an update endpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use bailiwick_core::{
    bytes::ByteCount,
    ids::{PluginName, VendorName},
    ports::{BoxFuture, Fetch, FetchError},
};
use semver::Version;

/// A folder in place of an endpoint. It proves as little.
pub(super) struct Folder(pub(super) PathBuf);

impl Fetch for Folder {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>> {
        let read = read(&self.0.join(path), at_most);
        Box::pin(async move { read })
    }
}

fn read(path: &Path, at_most: ByteCount) -> Result<Option<Vec<u8>>, FetchError> {
    let url = path.display().to_string();
    let unreadable = |error: io::Error| FetchError::Unreachable {
        url: url.clone(),
        reason: error.to_string(),
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(at_most.get().saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > at_most.get() {
        return Err(FetchError::TooLarge { url, at_most });
    }
    Ok(Some(bytes))
}

/// A plugin of a vendor.
pub(super) type Published = (VendorName, PluginName);

impl Folder {
    /// Versions of components of which there is a file. Names prove nothing: whether a role
    /// lists them is asked of the reader.
    ///
    /// # Errors
    /// A folder is there and can't be read.
    pub(super) fn candidates(&self) -> io::Result<BTreeMap<Published, BTreeSet<Version>>> {
        let mut found = BTreeMap::new();
        for (vendor, folder) in named::<VendorName>(&self.0.join("vendor"))? {
            for (plugin, folder) in named::<PluginName>(&folder)? {
                let versions = entries(&folder)?
                    .into_iter()
                    .filter_map(|(name, _)| version(&name))
                    .collect();
                found.insert((vendor.clone(), plugin), versions);
            }
        }
        Ok(found)
    }
}

/// `<sha256>.<version>.wasm`, as a repository with consistent snapshots names targets.
fn version(file: &str) -> Option<Version> {
    let (digest, version) = file.strip_suffix(".wasm")?.split_once('.')?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| version.parse().ok()).flatten()
}

/// Folders whose names are names of this kind.
fn named<T: std::str::FromStr>(folder: &Path) -> io::Result<Vec<(T, PathBuf)>> {
    let entries = entries(folder)?.into_iter();
    Ok(entries
        .filter(|(_, path)| path.is_dir())
        .filter_map(|(name, path)| Some((name.parse().ok()?, path)))
        .collect())
}

fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_the_names_of_targets() {
        let digest = "0123456789abcdef".repeat(4);
        for (name, expected) in [
            (format!("{digest}.0.1.0.wasm"), Some("0.1.0")),
            (format!("{digest}.1.0.0-rc.1.wasm"), Some("1.0.0-rc.1")),
            (format!("{digest}.0.1.0.toml"), None),
            ("0.1.0.wasm".to_owned(), None),
            (format!("{digest}.wasm"), None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(version(&name), expected, "{name}");
        }
    }
}
