//! Which paths a files grant covers.

/// A root that a files grant names, and the paths beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRoot {
    /// Absolute path of a directory, without a slash at the end (`/sys`), or `/`.
    pub root: String,
    /// Paths beneath the root. A path that none matches is outside the grant.
    pub patterns: Vec<PathPattern>,
}

/// A relative path in which `*` stands for one part, or a piece of one, and a last part
/// `**` for any number of parts, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(pub(super) Vec<String>);
