//! Login links: each a file named by the fingerprint of its secret, so that `login` makes
//! one while `serve` runs, and so that only one use of it can remove the file.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use bailiwick_core::time::Timestamp;

use super::{Fingerprint, Role, Secret, secret::NoRandom};

/// How long a link can be used, in milliseconds.
pub(crate) const LIFE_MS: u64 = 10 * 60 * 1000;
/// Most links that wait to be used. One more replaces the oldest: a console that is
/// started over and over prints a link each time.
const MOST: usize = 64;
/// Longest content of a link's file, in bytes.
const LONGEST: u64 = 64;

/// The folder of links that wait to be used.
#[derive(Clone, Debug)]
pub(crate) struct Links(PathBuf);

/// A link can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the login link can't be written to {folder}: {error}")]
    Write { folder: PathBuf, error: io::Error },
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl Links {
    /// The links of the console whose data folder this is.
    pub(crate) fn of(data: &Path) -> Self {
        Self(super::folder(data).join("links"))
    }

    /// Makes a link for `role`, and removes those that have ended.
    pub(crate) fn make(&self, role: Role, now: Timestamp) -> Result<Secret, LinkError> {
        let secret = Secret::random()?;
        let write = |error| LinkError::Write {
            folder: self.0.clone(),
            error,
        };
        super::private_folder(&self.0).map_err(write)?;
        self.sweep(now).map_err(write)?;
        let ends = now.as_ms().saturating_add(LIFE_MS);
        self.write(&secret.fingerprint(), &format!("{role} {ends}\n"))
            .map_err(write)?;
        Ok(secret)
    }

    fn write(&self, name: &Fingerprint, content: &str) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(self.0.join(name.to_string()))?
            .write_all(content.as_bytes())
    }

    /// The role that the link of `secret` gives. Its use is still to come.
    pub(crate) fn look(&self, secret: &Secret, now: Timestamp) -> Option<Role> {
        let path = self.0.join(secret.fingerprint().to_string());
        let (role, ends) = read(&path)?;
        let left = ends.as_ms().checked_sub(now.as_ms())?;
        // One that ends later than any link can was made by a clock that is ahead.
        (1..=LIFE_MS).contains(&left).then_some(role)
    }

    /// Uses the link of `secret` up. Of several uses at once, one gets the role.
    pub(crate) fn take(&self, secret: &Secret, now: Timestamp) -> Option<Role> {
        let role = self.look(secret, now)?;
        let path = self.0.join(secret.fingerprint().to_string());
        fs::remove_file(path).ok().map(|()| role)
    }

    /// Removes links that have ended, and the oldest of the others where one more would
    /// be too many.
    fn sweep(&self, now: Timestamp) -> io::Result<()> {
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            match read(&path) {
                Some((_, ends)) if ends > now => left.push((ends, path)),
                _ => fs::remove_file(path).or_else(gone)?,
            }
        }
        left.sort_unstable();
        let too_many = (left.len() + 1).saturating_sub(MOST);
        left.drain(..too_many)
            .try_for_each(|(_, path)| fs::remove_file(path).or_else(gone))
    }
}

/// It was used in between.
fn gone(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

fn read(path: &Path) -> Option<(Role, Timestamp)> {
    let file = fs::File::open(path).ok()?;
    let content = io::read_to_string(io::Read::take(file, LONGEST)).ok()?;
    let (role, ends) = content.strip_suffix('\n')?.split_once(' ')?;
    Some((Role::named(role)?, Timestamp::from_ms(ends.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(1_795_000_000_000 + ms)
    }

    #[test]
    fn a_link_is_used_once() {
        let data = tempfile::tempdir().unwrap();
        let links = Links::of(data.path());
        let secret = links.make(Role::Operator, at(0)).unwrap();
        assert_eq!(links.look(&secret, at(1)), Some(Role::Operator));
        assert_eq!(links.take(&secret, at(2)), Some(Role::Operator));
        assert_eq!(links.take(&secret, at(3)), None);
        assert_eq!(links.look(&secret, at(3)), None);
    }

    #[test]
    fn of_uses_at_once_one_succeeds() {
        let data = tempfile::tempdir().unwrap();
        let links = Links::of(data.path());
        let secret = links.make(Role::Viewer, at(0)).unwrap();
        let taken = std::thread::scope(|scope| {
            let uses: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| links.take(&secret, at(1))))
                .collect();
            let taken = uses.into_iter().filter_map(|it| it.join().unwrap());
            taken.count()
        });
        assert_eq!(taken, 1);
    }

    #[test]
    fn a_link_ends_after_ten_minutes() {
        let data = tempfile::tempdir().unwrap();
        let links = Links::of(data.path());
        let secret = links.make(Role::Viewer, at(0)).unwrap();
        assert!(links.look(&secret, at(LIFE_MS - 1)).is_some());
        assert_eq!(links.take(&secret, at(LIFE_MS)), None);
        // A clock set back does not prolong it.
        assert_eq!(links.look(&secret, Timestamp::from_ms(0)), None);
        links.make(Role::Viewer, at(LIFE_MS)).unwrap();
        assert_eq!(fs::read_dir(&links.0).unwrap().count(), 1);
    }

    #[test]
    fn links_are_bounded_and_private() {
        let data = tempfile::tempdir().unwrap();
        let links = Links::of(data.path());
        let secret = links.make(Role::Viewer, at(0)).unwrap();
        for later in 1..MOST as u64 {
            links.make(Role::Viewer, at(later)).unwrap();
        }
        assert!(links.look(&secret, at(100)).is_some());
        let last = links.make(Role::Viewer, at(100)).unwrap();
        assert_eq!(fs::read_dir(&links.0).unwrap().count(), MOST);
        assert_eq!(links.look(&secret, at(101)), None);
        let secret = last;
        let path = links.0.join(secret.fingerprint().to_string());
        assert!(!fs::read_to_string(&path).unwrap().contains(secret.reveal()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(&links.0), 0o700);
        }
    }
}
