//! Which container a process runs in, as the path of its control group tells.

/// Before a container's id in the name of a control group: Docker and containerd, Podman, CRI-O,
/// as each names it below systemd (`docker-….scope`).
const RUNTIMES: [&str; 5] = ["docker-", "libpod-", "crio-", "cri-containerd-", "nerdctl-"];
/// Folders of containers, each with its name: Docker without systemd, LXC from 4 on and before.
const FOLDERS: [&str; 2] = ["docker", "lxc"];
const LXC: &str = "lxc.payload.";
/// Of systemd-nspawn and whatever else registers machines (systemd-machined(8)).
const MACHINE: &str = "machine-";

/// Digits of an id: SHA-256.
const ID: usize = 64;
/// As many of them as the runtimes' own commands show.
const SHOWN: usize = 12;

/// Name of the container that a control group of this path is of: the first 12 digits of its id,
/// or its name, where it has one. Of one in another, the inner.
pub fn container(cgroup: &str) -> Option<&str> {
    let mut parts = cgroup
        .rsplit('/')
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next() {
        let folder = parts.peek().copied().unwrap_or_default();
        if let Some(name) = named(part, folder) {
            return Some(name);
        }
    }
    None
}

fn named<'a>(part: &'a str, folder: &str) -> Option<&'a str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    if let Some(id) = RUNTIMES
        .iter()
        .find_map(|runtime| name.strip_prefix(runtime))
    {
        return id_of(id);
    }
    if let Some(name) = name.strip_prefix(LXC) {
        return (!name.is_empty()).then_some(name);
    }
    if let Some(name) = name.strip_prefix(MACHINE).filter(|_| name != part) {
        return (!name.is_empty()).then_some(name);
    }
    // Kubernetes without systemd has a folder for each pod, and ids alone in it.
    if folder.starts_with("pod") || FOLDERS.contains(&folder) {
        return match folder {
            "lxc" => Some(name),
            _ => id_of(name),
        };
    }
    None
}

fn id_of(name: &str) -> Option<&str> {
    let is_id = name.len() == ID && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| &name[..SHOWN])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "3f0c8d1e5a7b9c2d4e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5";
    const TWO: &str = "aa0c8d1e5a7b9c2d4e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5";

    #[test]
    fn each_runtime_is_known_by_how_it_names_control_groups() {
        for (cgroup, expected) in [
            (
                format!("/system.slice/docker-{ONE}.scope"),
                Some("3f0c8d1e5a7b"),
            ),
            (format!("/docker/{ONE}"), Some("3f0c8d1e5a7b")),
            (
                format!("/machine.slice/libpod-{ONE}.scope/container"),
                Some("3f0c8d1e5a7b"),
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a.slice/cri-containerd-{ONE}.scope"
                ),
                Some("3f0c8d1e5a7b"),
            ),
            (
                format!("/kubepods/burstable/pod0a-1/{ONE}"),
                Some("3f0c8d1e5a7b"),
            ),
            (format!("/docker/{TWO}/docker/{ONE}"), Some("3f0c8d1e5a7b")),
            ("/lxc.payload.web/init.scope".to_owned(), Some("web")),
            ("/lxc/web/system.slice/cron.service".to_owned(), Some("web")),
            (
                "/machine.slice/machine-debian.scope/payload".to_owned(),
                Some("debian"),
            ),
        ] {
            assert_eq!(container(&cgroup), expected, "{cgroup}");
        }
    }

    #[test]
    fn what_is_like_one_is_none() {
        for cgroup in [
            "".to_owned(),
            "/".to_owned(),
            "/system.slice/docker.service".to_owned(),
            "/system.slice/docker-monitor.service".to_owned(),
            format!("/system.slice/docker-{}.scope", &ONE[1..]),
            "/user.slice/user-1000.slice/session-2.scope".to_owned(),
            "/machine.slice/machine-.scope".to_owned(),
            "/system.slice/machine-check.service".to_owned(),
            format!("/user.slice/{ONE}"),
        ] {
            assert_eq!(container(&cgroup), None, "{cgroup}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_read(path in "(/(docker|lxc|pod|machine-|lxc.payload.|[a-zé.-]{0,8})(-[0-9a-f]{60,65})?(.scope)?){0,4}") {
            let _ = container(&path);
        }
    }
}
