//! What a broker asks for besides TLS.

use std::{fmt, path::Path};

/// Longest file that is read, in bytes.
const LONGEST: u64 = 4 * 1024;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl Login {
    /// Reads a file of two lines: the user and the password. It blocks on the file.
    ///
    /// # Errors
    /// It can't be read, or has other than two lines.
    pub fn read(file: &Path) -> Result<Self, LoginError> {
        let error = |reason: String| LoginError {
            file: file.display().to_string(),
            reason,
        };
        let length = std::fs::metadata(file).map_err(|e| error(e.to_string()))?;
        if length.len() > LONGEST {
            return Err(error(format!("it has more than {LONGEST} bytes")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| error(e.to_string()))?;
        Self::parse(&text).ok_or_else(|| error("it has other than two lines".to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (user, password) = (lines.next()?, lines.next()?);
        let whole = !user.is_empty() && !password.is_empty() && !text.contains('\0');
        (whole && lines.next().is_none()).then(|| Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A file that holds no login. The text says nothing of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the broker's login can't be read from {file}: {reason}; write the user into the first line \
     and the password into the second"
)]
pub struct LoginError {
    file: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_two_lines_and_its_password_is_not_shown() {
        let login = Login::parse("user\npass word\n").unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("user", "pass word")
        );
        assert!(!format!("{login:?}").contains("pass"));
        for bad in [
            "", "user", "user\n", "user\n\n", "\npass", "a\nb\nc", "a\0\nb",
        ] {
            assert_eq!(Login::parse(bad), None, "{bad:?}");
        }
    }
}
