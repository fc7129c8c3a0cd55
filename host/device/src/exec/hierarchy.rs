//! Which hierarchies of cgroups this process is in, and where its own cgroup of each is.

use std::path::{Path, PathBuf};

/// What ends a cgroup of it as a whole; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Version 2: `cgroup.kill`, else `cgroup.freeze`.
    Unified,
    /// Version 1 with the freezer.
    Freezer,
}

/// The hierarchies that are mounted to be written, the best first: each with this process's
/// own cgroup as a folder. From `/proc/self/mountinfo` (proc_pid_mountinfo(5)) and
/// `/proc/self/cgroup` (cgroups(7)).
pub(crate) fn hierarchies(mounts: &str, own: &str) -> Vec<(Kind, PathBuf)> {
    let mut found: Vec<_> = mounts
        .lines()
        .filter_map(|line| hierarchy(line, own))
        .collect();
    found.sort();
    found
}

fn hierarchy(line: &str, own: &str) -> Option<(Kind, PathBuf)> {
    let (of_mount, of_system) = line.split_once(" - ")?;
    let mut fields = of_mount.split(' ').skip(3);
    let (root, point, options) = (fields.next()?, fields.next()?, fields.next()?);
    let mut system = of_system.split(' ');
    let (name, _, of_super) = (system.next()?, system.next()?, system.next()?);
    let has = |list: &str, wanted: &str| list.split(',').any(|one| one == wanted);
    let kind = match name {
        "cgroup2" => Kind::Unified,
        "cgroup" if has(of_super, "freezer") => Kind::Freezer,
        _ => return None,
    };
    if has(options, "ro") || has(of_super, "ro") {
        return None;
    }
    let path = own.lines().find_map(|line| {
        let (number, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = match kind {
            Kind::Unified => number == "0" && controllers.is_empty(),
            Kind::Freezer => has(controllers, "freezer"),
        };
        is_it.then_some(path)
    })?;
    // A mount may show a part of the hierarchy alone; what is not in it can't be reached.
    let below = Path::new(path).strip_prefix(root).ok()?;
    let escaped = point.contains('\\') || path.split('/').any(|part| part == "..");
    (!escaped).then(|| (kind, Path::new(point).join(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
    const FREEZER: &str = "37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer";
    const HYBRID: &str = "38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn hierarchies_of_each_kind_are_found() {
        let unified = |path: &str| (Kind::Unified, PathBuf::from(path));
        let freezer = |path: &str| (Kind::Freezer, PathBuf::from(path));
        let read_only = V2.replace("rw,nosuid", "ro,nosuid");
        let part = FREEZER.replace(" / ", " /box ");
        for (mounts, own, expected) in [
            (
                V2.to_owned(),
                "0::/a/b\n",
                vec![unified("/sys/fs/cgroup/a/b")],
            ),
            (V2.to_owned(), "0::/../a\n", vec![]),
            (read_only, "0::/\n", vec![]),
            (
                FREEZER.to_owned(),
                "6:freezer:/a\n1:cpu:/\n",
                vec![freezer("/sys/fs/cgroup/freezer/a")],
            ),
            (
                part.clone(),
                "6:freezer:/box/a\n",
                vec![freezer("/sys/fs/cgroup/freezer/a")],
            ),
            (part, "6:freezer:/other\n", vec![]),
            (
                format!("{FREEZER}\n{HYBRID}"),
                "6:freezer:/\n0::/a\n",
                vec![
                    unified("/sys/fs/cgroup/unified/a"),
                    freezer("/sys/fs/cgroup/freezer/"),
                ],
            ),
            (
                "31 23 0:28 / /tmp rw - tmpfs tmpfs rw\nbroken".to_owned(),
                "0::/\n",
                vec![],
            ),
            (V2.to_owned(), "", vec![]),
        ] {
            assert_eq!(hierarchies(&mounts, own), expected, "{mounts} {own}");
        }
    }
}
