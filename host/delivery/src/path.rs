//! Which target paths are looked up at all.

use crate::TargetError;

/// Longest path, in bytes.
const LONGEST: usize = 512;

/// The TUF library joins a path to an address, so a path that an address treats specially
/// could lead elsewhere.
pub(crate) fn check(path: &str) -> Result<(), TargetError> {
    let refuse = |reason| {
        Err(TargetError::Path {
            path: path.chars().take(80).collect(),
            reason,
        })
    };
    if path.is_empty() || path.len() > LONGEST {
        return refuse("it is empty or longer than 512 bytes");
    }
    if path.starts_with('/') || path.contains("://") || path.contains('\\') {
        return refuse("it is an address or an absolute path");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse("a part of it is empty, `.` or `..`");
    }
    if path.contains(['%', '?', '#', ':']) || path.chars().any(char::is_control) {
        return refuse("it holds `%`, `?`, `#`, `:` or a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_an_address_treats_specially_are_refused() {
        for bad in [
            "",
            "/a",
            "a/../b",
            "..",
            "a//b",
            "a/./b",
            "https://evil.invalid/x",
            "a%2fb",
            "a?b",
            "a#b",
            "c:\\x",
            "a\nb",
            "javascript:x",
            &"a".repeat(513),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check("vendor/acme/inventory/0.1.0-rc.1.wasm").is_ok());
    }
}
