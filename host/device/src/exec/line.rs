//! What agent, keeper and starter say to each other: lists of byte strings, each with its
//! length before it. Both ends are the same program.

use std::io::{self, Read, Write};

use super::user::Who;

/// Longest list: arguments, environment and input with room to spare.
const LONGEST: u32 = 1024 * 1024;

/// Most strings in a list.
const MOST: u32 = 1024;

pub(crate) fn write(to: &mut impl Write, parts: &[Vec<u8>]) -> io::Result<()> {
    to.write_all(&encode(parts))?;
    to.flush()
}

pub(crate) fn encode(parts: &[Vec<u8>]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = length(parts.len()).to_vec();
    for part in parts {
        bytes.extend(length(part.len()));
        bytes.extend(part);
    }
    bytes
}

pub(crate) fn read(from: &mut impl Read) -> io::Result<Vec<Vec<u8>>> {
    let mut number = || {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)
            .map(|()| u32::from_le_bytes(bytes))
    };
    let count = number()?;
    let mut parts = Vec::new();
    if count > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    for _ in 0..count {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)?;
        let length = u32::from_le_bytes(bytes);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut part = vec![0; length as usize];
        from.read_exact(&mut part)?;
        parts.push(part);
    }
    Ok(parts)
}

/// What the keeper is told, and tells the starter when it has found out who the user is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) path: String,
    /// Hexadecimal, or empty.
    pub(crate) sha256: String,
    pub(crate) directory: String,
    pub(crate) user: Who,
    pub(crate) time_limit_ms: u64,
    pub(crate) input: Vec<u8>,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Told {
    pub(crate) fn to_parts(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![
            self.path.clone().into_bytes(),
            self.sha256.clone().into_bytes(),
            self.directory.clone().into_bytes(),
            self.user.to_text().into_bytes(),
            self.time_limit_ms.to_string().into_bytes(),
            self.input.clone(),
            self.arguments.len().to_string().into_bytes(),
        ];
        parts.extend(self.arguments.iter().map(|text| text.clone().into_bytes()));
        for (name, value) in &self.environment {
            parts.push(name.clone().into_bytes());
            parts.push(value.clone().into_bytes());
        }
        parts
    }

    /// None if this is no such list.
    pub(crate) fn from_parts(parts: Vec<Vec<u8>>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut bytes = || parts.next();
        let mut text = || String::from_utf8(bytes()?).ok();
        let (path, sha256, directory) = (text()?, text()?, text()?);
        let user = Who::from_text(&text()?)?;
        let time_limit_ms = text()?.parse().ok()?;
        let input = parts.next()?;
        let mut text = || String::from_utf8(parts.next()?).ok();
        let count: usize = text()?.parse().ok()?;
        let arguments = (0..count).map(|_| text()).collect::<Option<_>>()?;
        let mut environment = Vec::new();
        while let Some(name) = text() {
            environment.push((name, text()?));
        }
        Some(Self {
            path,
            sha256,
            directory,
            user,
            time_limit_ms,
            input,
            arguments,
            environment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let told = Told {
            path: "/usr/bin/id".to_owned(),
            sha256: String::new(),
            directory: "/".to_owned(),
            user: Who::Session(1_000),
            time_limit_ms: 10,
            input: vec![0, 1, 2],
            arguments: vec![String::new(), "é".to_owned()],
            environment: vec![("LANG".to_owned(), "C".to_owned())],
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &told.to_parts()).unwrap();
        let parts = read(&mut bytes.as_slice()).unwrap();
        assert_eq!(Told::from_parts(parts), Some(told));
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        for bytes in [
            &[][..],
            &[1, 0, 0, 0],
            &[255; 8],
            &[1, 0, 0, 0, 255, 255, 255, 255],
        ] {
            assert!(read(&mut &bytes[..]).is_err());
        }
        assert_eq!(Told::from_parts(vec![b"/".to_vec()]), None);
    }
}
