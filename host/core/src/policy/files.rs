//! The matcher of files grants: one for enforcement, `explain`, `diff` and tests.

use super::{
    Capability, Denial, Effect, FileRoot, Grant, GrantSource, LONGEST_PATH, PathPattern, Policy,
    Scope,
};
use crate::time::Timestamp;

/// The files grants of a policy, prepared for quick answers.
///
/// A path is allowed if a grant in force covers it and no denial does. A denial covers
/// what is beneath it too. The check is of names only, so who opens the file repeats it
/// with [`Files::leads_to`] on the name that is left once links are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Longest root first, so that the first that covers a path is the longest.
    allowed: Vec<Allowed>,
    denied: Vec<Denied>,
    /// A denial of all files.
    all_denied: Option<GrantSource>,
    /// Where what is allowed lies, for who watches.
    folders: Vec<String>,
}

/// Whether a path holds symbolic links, and who can have made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It holds none.
    No,
    /// Only root, or the owner of what they lead to, who could have copied it instead.
    ByItsOwner,
    /// Somebody else, who may have no other way to what they lead to.
    ByOthers,
}

/// What one grant allows beneath one root.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    root: String,
    /// Sorted.
    literals: Vec<String>,
    patterns: Vec<Prepared>,
    expires: Option<Timestamp>,
    source: GrantSource,
}

/// What one denial takes beneath one root.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Denied {
    root: String,
    patterns: Vec<Prepared>,
    source: GrantSource,
}

/// A pattern with what all paths that it covers begin with: most are told apart by that.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prepared {
    prefix: String,
    rest: Rest,
}

/// What follows the prefix of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing: the prefix is the path.
    Nothing,
    /// `*` and no more: one part.
    OnePart,
    /// `**`: one part or more.
    Parts,
    /// Something else: the whole pattern decides.
    Pattern(PathPattern),
}

impl Prepared {
    fn new(pattern: &PathPattern) -> Self {
        let text = pattern.to_string();
        let at = text.find('*').unwrap_or(text.len());
        let whole_parts = at == 0 || text[..at].ends_with('/');
        let rest = match &text[at..] {
            "" => Rest::Nothing,
            "*" if whole_parts => Rest::OnePart,
            "**" => Rest::Parts,
            _ => Rest::Pattern(pattern.clone()),
        };
        Self {
            prefix: text[..at].to_owned(),
            rest,
        }
    }

    /// What of `path` follows the prefix. The last byte tells most apart.
    fn tail<'a>(&self, path: &'a str) -> Option<&'a str> {
        let last = self.prefix.len().checked_sub(1);
        if last.is_some_and(|last| path.as_bytes().get(last) != self.prefix.as_bytes().last()) {
            return None;
        }
        path.strip_prefix(self.prefix.as_str())
    }

    /// As [`PathPattern::matches`].
    fn matches(&self, path: &str) -> bool {
        self.tail(path).is_some_and(|tail| match &self.rest {
            Rest::Nothing => tail.is_empty(),
            Rest::OnePart => !tail.is_empty() && !tail.as_bytes().contains(&b'/'),
            Rest::Parts => !tail.is_empty(),
            Rest::Pattern(pattern) => pattern.matches(path),
        })
    }

    /// As [`PathPattern::matches_or_holds`].
    fn matches_or_holds(&self, path: &str) -> bool {
        self.tail(path).is_some_and(|tail| match &self.rest {
            Rest::Nothing => tail.is_empty() || tail.starts_with('/'),
            Rest::OnePart | Rest::Parts => !tail.is_empty(),
            Rest::Pattern(pattern) => pattern.matches_or_holds(path),
        })
    }
}

impl Policy {
    /// The matcher of its files grants.
    pub fn files(&self) -> Files {
        self.paths_of(Capability::Files)
    }

    /// The matcher of its watch grants: which files it is told of.
    pub fn watch(&self) -> Files {
        let mut watched = self.paths_of(Capability::Watch);
        let allowed = self
            .grants_of(Capability::Watch)
            .filter(|grant| grant.effect == Effect::Allow);
        for grant in allowed {
            if let Scope::Files(roots) = &grant.scope {
                watched
                    .folders
                    .extend(roots.iter().flat_map(FileRoot::folders));
            }
        }
        watched.folders.sort_unstable();
        watched.folders.dedup();
        watched
    }

    fn paths_of(&self, capability: Capability) -> Files {
        let mut files = Files::default();
        for grant in self.grants_of(capability) {
            match (&grant.scope, grant.effect) {
                (Scope::Whole, Effect::Deny) => files.all_denied = Some(grant.source),
                // No parts are named, so none is given.
                (Scope::Whole, Effect::Allow)
                | (
                    Scope::Seen(_)
                    | Scope::Programs(_)
                    | Scope::Wakes(_)
                    | Scope::Controls(_)
                    | Scope::Requests(_)
                    | Scope::Messages(_)
                    | Scope::Powers(_),
                    _,
                ) => {}
                (Scope::Files(roots), Effect::Allow) => files
                    .allowed
                    .extend(roots.iter().map(|root| Allowed::new(root, grant))),
                (Scope::Files(roots), Effect::Deny) => {
                    files.denied.extend(roots.iter().map(|root| Denied {
                        root: root.root.clone(),
                        patterns: root.patterns.iter().map(Prepared::new).collect(),
                        source: grant.source,
                    }));
                }
            }
        }
        files
            .allowed
            .sort_by_key(|allowed| std::cmp::Reverse(allowed.root.len()));
        files
    }
}

impl Files {
    /// The folders that hold what watch grants allow, in order.
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// The root that covers `path` and the rest of the path beneath it.
    pub fn file<'a>(&'a self, path: &'a str, now: Timestamp) -> Result<(&'a str, &'a str), Denial> {
        if !is_valid(path) {
            return Err(Denial::InvalidPath);
        }
        if let Some(by) = self.all_denied {
            return Err(Denial::Denied { by });
        }
        let (root, relative) = self.allow(path, now)?;
        match self.denial(path) {
            Some(by) => Err(Denial::Denied { by }),
            None => Ok((root, relative)),
        }
    }

    /// Whether a granted path may lead to `path`, its name with every link followed. A
    /// denial holds under every name. What others than its owner link to must be granted
    /// by its own name.
    ///
    /// # Errors
    /// Why not.
    pub fn leads_to(&self, path: &str, linked: Linked, now: Timestamp) -> Result<(), Denial> {
        match linked {
            Linked::No => Ok(()),
            Linked::ByItsOwner => match self.denial(path) {
                Some(by) => Err(Denial::Denied { by }),
                None => Ok(()),
            },
            Linked::ByOthers => self.file(path, now).map(drop),
        }
    }

    fn allow<'a>(&'a self, path: &'a str, now: Timestamp) -> Result<(&'a str, &'a str), Denial> {
        let mut refusal = Denial::NotGranted;
        for allowed in &self.allowed {
            let Some(relative) = beneath(&allowed.root, path) else {
                continue;
            };
            if !allowed.covers(relative) {
                continue;
            }
            match allowed.expires {
                Some(at) if at <= now => {
                    let later = match refusal {
                        Denial::Expired { at: latest, .. } => latest < at,
                        _ => true,
                    };
                    if later {
                        refusal = Denial::Expired {
                            grant: allowed.source,
                            at,
                        };
                    }
                }
                Some(_) | None => return Ok((&allowed.root, relative)),
            }
        }
        Err(refusal)
    }

    fn denial(&self, path: &str) -> Option<GrantSource> {
        self.denied
            .iter()
            .find(|denied| {
                beneath(&denied.root, path).is_some_and(|relative| {
                    denied
                        .patterns
                        .iter()
                        .any(|pattern| pattern.matches_or_holds(relative))
                })
            })
            .map(|denied| denied.source)
    }
}

impl Allowed {
    fn new(root: &FileRoot, grant: &Grant) -> Self {
        let (literals, patterns): (Vec<_>, Vec<_>) = root
            .patterns
            .iter()
            .cloned()
            .partition(PathPattern::is_literal);
        let mut literals: Vec<_> = literals.iter().map(PathPattern::to_string).collect();
        literals.sort_unstable();
        Self {
            root: root.root.clone(),
            literals,
            patterns: patterns.iter().map(Prepared::new).collect(),
            expires: grant.expires,
            source: grant.source,
        }
    }

    fn covers(&self, relative: &str) -> bool {
        self.literals
            .binary_search_by(|literal| literal.as_str().cmp(relative))
            .is_ok()
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.matches(relative))
    }
}

/// What of `path` is beneath `root`; `None` if it is `root` itself or elsewhere.
pub(super) fn beneath<'a>(root: &str, path: &'a str) -> Option<&'a str> {
    // "/" is every path's beginning already.
    let root = if root == "/" { "" } else { root };
    // One byte tells most roots apart without comparing them.
    if path.as_bytes().get(root.len()) != Some(&b'/') {
        return None;
    }
    let relative = path.strip_prefix(root)?.strip_prefix('/')?;
    (!relative.is_empty()).then_some(relative)
}

/// The checks of the contract's `files`, on the text alone.
fn is_valid(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else {
        return false;
    };
    if relative.is_empty() {
        return true;
    }
    if path.len() > LONGEST_PATH {
        return false;
    }
    let bytes = path.as_bytes();
    // Without a branch per byte: only a path that looks odd gets the exact look.
    let odd = bytes.windows(2).fold(false, |odd, pair| {
        odd | ((pair[0] == b'/') & ((pair[1] == b'/') | (pair[1] == b'.'))) | (pair[1] == 0)
    });
    if !odd {
        return !path.ends_with('/');
    }
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        0 => false,
        b'/' => is_part(&bytes[at + 1..]),
        _ => true,
    })
}

/// Whether the part with which `rest` begins is neither empty nor `.` nor `..`.
fn is_part(rest: &[u8]) -> bool {
    !matches!(
        rest,
        [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..]
    )
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
