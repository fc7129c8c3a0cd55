//! The matcher of files grants: one for enforcement, `explain`, `diff` and tests.

use super::{
    Capability, Denial, Effect, FileRoot, Grant, GrantSource, LONGEST_PATH, PathPattern, Policy,
    Scope,
};
use crate::time::Timestamp;

/// The files grants of a policy, prepared for quick answers.
///
/// A path is allowed if a grant in force covers it and no denial does. A denial covers
/// what is beneath it too. The check is of names only: that a link does not lead out of
/// the root is for who opens the file.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Longest root first, so that the first that covers a path is the longest.
    allowed: Vec<Allowed>,
    denied: Vec<Denied>,
    /// A denial of all files.
    all_denied: Option<GrantSource>,
}

/// What one grant allows beneath one root.
#[derive(Clone, Debug)]
struct Allowed {
    root: String,
    /// Sorted.
    literals: Vec<String>,
    patterns: Vec<PathPattern>,
    expires: Option<Timestamp>,
    source: GrantSource,
}

/// What one denial takes beneath one root.
#[derive(Clone, Debug)]
struct Denied {
    root: String,
    patterns: Vec<PathPattern>,
    source: GrantSource,
}

impl Policy {
    /// The matcher of its files grants.
    pub fn files(&self) -> Files {
        let mut files = Files::default();
        for grant in self.grants_of(Capability::Files) {
            match (&grant.scope, grant.effect) {
                (Scope::Whole, Effect::Deny) => files.all_denied = Some(grant.source),
                // No parts are named, so none is given.
                (Scope::Whole, Effect::Allow) => {}
                (Scope::Files(roots), Effect::Allow) => files
                    .allowed
                    .extend(roots.iter().map(|root| Allowed::new(root, grant))),
                (Scope::Files(roots), Effect::Deny) => {
                    files.denied.extend(roots.iter().map(|root| Denied {
                        root: root.root.clone(),
                        patterns: root.patterns.clone(),
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
            patterns,
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
fn beneath<'a>(root: &str, path: &'a str) -> Option<&'a str> {
    // "/" is every path's beginning already.
    let root = if root == "/" { "" } else { root };
    path.strip_prefix(root)?
        .strip_prefix('/')
        .filter(|relative| !relative.is_empty())
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
    // Length and beginning of the current part.
    let (mut length, mut only_dots) = (0_usize, true);
    for byte in relative.bytes() {
        match byte {
            0 => return false,
            b'/' => {
                if length == 0 || (only_dots && length <= 2) {
                    return false;
                }
                (length, only_dots) = (0, true);
            }
            _ => {
                length += 1;
                only_dots &= byte == b'.';
            }
        }
    }
    length > 0 && !(only_dots && length <= 2)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
