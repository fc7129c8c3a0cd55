//! Names of users, from the file of local accounts. Accounts of a directory service are
//! not in it: of these only logind tells the name.

use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The accounts, read again when the file has changed.
#[derive(Debug)]
pub(crate) struct Users {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
    names: BTreeMap<u32, String>,
}

impl Users {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: None,
            names: BTreeMap::new(),
        }
    }

    /// Looks whether the file has changed.
    pub(crate) fn refresh(&mut self) {
        let state = fs::metadata(&self.path)
            .and_then(|found| Ok((found.modified()?, found.len())))
            .ok();
        if state == self.state {
            return;
        }
        let text = match state {
            Some((_, length)) if length <= LARGEST => fs::read(&self.path).unwrap_or_default(),
            _ => Vec::new(),
        };
        self.names = parse(&String::from_utf8_lossy(&text));
        self.state = state;
    }

    pub(crate) fn name(&self, uid: u32) -> Option<&str> {
        self.names.get(&uid).map(String::as_str)
    }

    pub(crate) fn uid(&self, name: &str) -> Option<u32> {
        let mut all = self.names.iter();
        all.find_map(|(uid, known)| (known == name).then_some(*uid))
    }
}

/// `name:password:uid:…` (passwd(5)). The first name of an id counts, as for getpwuid.
fn parse(text: &str) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next(), fields.nth(1));
        if let (Some(name), Some(Ok(uid))) = (name, uid.map(str::parse)) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_again_once_they_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwd");
        let mut users = Users::new(path.clone());
        users.refresh();
        assert_eq!(users.name(0), None);
        fs::write(&path, "root:x:0:0::/root:/bin/sh\n\nbroken\ntoor:x:0:0\n").unwrap();
        users.refresh();
        assert_eq!((users.name(0), users.uid("root")), (Some("root"), Some(0)));
        assert_eq!(users.uid("toor"), None);
        fs::write(&path, "alice:x:1000:1000::/home/alice:/bin/sh\n").unwrap();
        users.refresh();
        assert_eq!((users.name(0), users.name(1000)), (None, Some("alice")));
    }
}
