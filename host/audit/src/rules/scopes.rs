//! Grants that reach much more than one purpose.

use bailiwick_core::http::Network;
use bailiwick_core::policy::{
    AbsolutePattern, Capability, ControlledOf, Effect, FileRoot, Grant, PathPattern, Presence,
    RunAs, Scope, Whose,
};

use super::Case;
use crate::{PolicyFile, Rule};

/// Folders of which nobody needs all: secrets, users' files, the system's own state, other
/// processes.
const BROAD: [&str; 12] = [
    "/", "/boot", "/dev", "/etc", "/etc/ssh", "/home", "/proc", "/root", "/run", "/sys", "/var",
    "/var/lib",
];

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile, path: &str, grant: &Grant) {
    if grant.effect == Effect::Deny {
        return;
    }
    let capability = grant.capability;
    match &grant.scope {
        Scope::Whole => {}
        Scope::Files(roots) => {
            for (index, root) in roots.iter().enumerate() {
                for (at, pattern) in root.patterns.iter().enumerate() {
                    if let Some(folder) = all_beneath(root, pattern) {
                        let place = policy.place(&format!("{path}.roots.{index}.paths.{at}"));
                        let text = match capability {
                            Capability::Watch => {
                                format!("it is told of every change in `{folder}`")
                            }
                            _ => format!("everything beneath `{folder}` can be read"),
                        };
                        case.find(Rule::WideScope, place, text);
                    }
                }
            }
        }
        Scope::Seen(seen) => {
            if seen.whose == Whose::All && !capability.gives_facts() {
                let of = match capability {
                    Capability::Sessions => "the sessions of everybody are seen",
                    _ => "the processes of everybody are seen",
                };
                case.find(Rule::WideScope, policy.place(&format!("{path}.of")), of);
            }
        }
        Scope::Programs(programs) => {
            for (index, program) in programs.iter().enumerate() {
                if program.run_as == RunAs::Root {
                    let place = policy.place(&format!("{path}.programs.{index}.run-as"));
                    let text = format!("`{}` runs as root", program.path);
                    case.find(Rule::WideScope, place, text);
                }
            }
        }
        Scope::Wakes(wakes) => {
            if let Some(index) = wakes.macs.iter().position(Vec::is_empty) {
                let place = policy.place(&format!("{path}.macs.{index}"));
                case.find(Rule::WideScope, place, "every neighbour can be woken");
            }
        }
        Scope::Requests(requests) => {
            for (index, network) in requests.networks.iter().enumerate() {
                if is_anywhere(network) {
                    let place = policy.place(&format!("{path}.networks.{index}"));
                    let text = format!("servers are reached anywhere in {network}");
                    case.find(Rule::WideScope, place, text);
                }
            }
        }
        Scope::Messages(_) => {}
        Scope::Powers(powers) => {
            if powers.when_users == Presence::Present {
                let place = policy.place(&format!("{path}.when-users"));
                let text = "it can be done while users are at the device";
                case.find(Rule::WideScope, place, text);
            }
        }
        Scope::Controls(controls) => {
            let mut executables = controls.executables.iter();
            if let Some(index) = executables.position(AbsolutePattern::is_everything) {
                let place = policy.place(&format!("{path}.executables.{index}"));
                let text = "processes of every program can be controlled";
                case.find(Rule::WideScope, place, text);
            }
            if controls.whose == ControlledOf::AnyUserAndRoot {
                let place = policy.place(&format!("{path}.whose"));
                case.find(
                    Rule::WideScope,
                    place,
                    "processes of root can be controlled",
                );
            }
        }
    }
}

/// Whether it is wider than any network that an organisation has for itself: 10.0.0.0/8 and
/// fc00::/7 are the widest of those.
fn is_anywhere(network: &Network) -> bool {
    network.bits() < if network.is_ipv4() { 8 } else { 7 }
}

/// The broad folder of which the pattern means everything.
fn all_beneath(root: &FileRoot, pattern: &PathPattern) -> Option<String> {
    let mut folder = root.root.trim_end_matches('/').to_owned();
    let mut parts = pattern.parts().peekable();
    while let Some(part) = parts.next() {
        let holds_all =
            part == "**" || (part == "*" && parts.peek().is_none() && is_secret(&folder));
        if holds_all || (part == "*" && parts.peek() == Some(&"**")) {
            let folder = if folder.is_empty() {
                "/".to_owned()
            } else {
                folder
            };
            return BROAD.contains(&folder.as_str()).then_some(folder);
        }
        folder.push('/');
        folder.push_str(part);
    }
    None
}

/// A folder whose own files, without those of folders in it, are secrets.
fn is_secret(folder: &str) -> bool {
    matches!(folder, "/etc/ssh" | "/root")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beneath(root: &str, pattern: &str) -> Option<String> {
        let pattern = pattern.parse().unwrap();
        let root = root.to_owned();
        all_beneath(
            &FileRoot {
                root,
                patterns: Vec::new(),
            },
            &pattern,
        )
    }

    #[test]
    fn a_pattern_is_wide_if_it_means_all_of_a_broad_folder() {
        for (root, pattern, folder) in [
            ("/", "**", "/"),
            ("/", "*/**", "/"),
            ("/", "etc/**", "/etc"),
            ("/etc", "**", "/etc"),
            ("/etc", "ssh/*", "/etc/ssh"),
            ("/home", "*/**", "/home"),
            ("/var/lib", "**", "/var/lib"),
        ] {
            assert_eq!(
                beneath(root, pattern).as_deref(),
                Some(folder),
                "{root} {pattern}"
            );
        }
        for (root, pattern) in [
            ("/etc", "*"),
            ("/etc/systemd", "system/**"),
            ("/sys", "block/**"),
            ("/snap", "*/current/meta/snap.yaml"),
            ("/usr/share/applications", "*.desktop"),
            ("/proc", "*/stat"),
            ("/", "etc/passwd"),
        ] {
            assert_eq!(beneath(root, pattern), None, "{root} {pattern}");
        }
    }
}
