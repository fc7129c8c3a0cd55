//! The files of a fake device.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::files::{Entry, Error, Kind, Metadata};

/// As many symbolic links as Linux follows for one path.
const MOST_LINKS: usize = 40;

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Directory,
    Link(String),
}

impl Node {
    fn kind(&self) -> Kind {
        match self {
            Self::File(_) => Kind::File,
            Self::Directory => Kind::Directory,
            Self::Link(_) => Kind::SymbolicLink,
        }
    }
}

/// Nodes by absolute path; every parent of a node is a node.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<String, Node>,
    denied: Vec<String>,
}

impl Tree {
    pub(super) fn file(&mut self, path: &str, content: Vec<u8>) {
        self.insert(path, Node::File(content));
    }

    pub(super) fn directory(&mut self, path: &str) {
        self.insert(path, Node::Directory);
    }

    pub(super) fn symbolic_link(&mut self, path: &str, target: &str) {
        self.insert(path, Node::Link(target.to_owned()));
    }

    pub(super) fn deny_below(&mut self, path: &str) {
        self.denied.push(path.to_owned());
    }

    fn insert(&mut self, path: &str, node: Node) {
        assert!(is_valid(path), "`{path}` is no absolute path");
        for (end, _) in path.match_indices('/').skip(1) {
            let parent = path[..end].to_owned();
            self.nodes.entry(parent).or_insert(Node::Directory);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    pub(super) fn copy_of(&mut self, path: &str, folder: &Path) -> io::Result<()> {
        self.directory(path);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{path}/{name}");
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                if let Some(target) = fs::read_link(entry.path())?.to_str() {
                    self.symbolic_link(&path, target);
                }
            } else if kind.is_dir() {
                self.copy_of(&path, &entry.path())?;
            } else if kind.is_file() {
                self.file(&path, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    pub(super) fn read(&self, path: &str, at_most: u64) -> Result<Vec<u8>, Error> {
        match self.followed(path)? {
            Node::File(content) if content.len() as u64 > at_most => {
                Err(Error::TooLarge(content.len() as u64))
            }
            Node::File(content) => Ok(content.clone()),
            Node::Directory | Node::Link(_) => Err(Error::WrongKind),
        }
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        let path = self.resolve(path)?;
        match self.nodes.get(&path) {
            None => return Err(Error::NotFound),
            Some(Node::Directory) => {}
            Some(Node::File(_) | Node::Link(_)) => return Err(Error::WrongKind),
        }
        let below = format!("{path}/");
        Ok(self
            .nodes
            .range(below.clone()..)
            .map_while(|(path, node)| Some((path.strip_prefix(&below)?, node)))
            .filter(|(name, _)| !name.contains('/'))
            .map(|(name, node)| Entry {
                name: name.to_owned(),
                kind: node.kind(),
            })
            .collect())
    }

    pub(super) fn look(&self, path: &str) -> Result<Metadata, Error> {
        let node = self.followed(path)?;
        let size = match node {
            Node::File(content) => content.len() as u64,
            Node::Directory | Node::Link(_) => 0,
        };
        Ok(Metadata {
            kind: node.kind(),
            size,
            modified: 0,
        })
    }

    pub(super) fn read_link(&self, path: &str) -> Result<String, Error> {
        self.check(path)?;
        // The links on the way are followed, the last one is read.
        let (parent, name) = path.rsplit_once('/').ok_or(Error::InvalidPath)?;
        let parent = if parent.is_empty() {
            String::new()
        } else {
            self.resolve(parent)?
        };
        match self.nodes.get(&format!("{parent}/{name}")) {
            None => Err(Error::NotFound),
            Some(Node::Link(target)) => Ok(target.clone()),
            Some(Node::File(_) | Node::Directory) => Err(Error::WrongKind),
        }
    }

    fn check(&self, path: &str) -> Result<(), Error> {
        if !is_valid(path) {
            return Err(Error::InvalidPath);
        }
        let denied = self.denied.iter().any(|denied| {
            path.strip_prefix(denied.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if denied { Err(Error::Denied) } else { Ok(()) }
    }

    fn followed(&self, path: &str) -> Result<&Node, Error> {
        self.nodes.get(&self.resolve(path)?).ok_or(Error::NotFound)
    }

    /// The path without symbolic links.
    fn resolve(&self, path: &str) -> Result<String, Error> {
        self.check(path)?;
        let mut left: Vec<String> = parts(path).rev().collect();
        let mut resolved = String::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                resolved.truncate(resolved.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{resolved}/{part}");
            if let Some(Node::Link(target)) = self.nodes.get(&next) {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::Unavailable);
                }
                if target.starts_with('/') {
                    resolved.clear();
                }
                left.extend(parts(target).rev());
            } else {
                resolved = next;
            }
        }
        Ok(resolved)
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
}

fn is_valid(path: &str) -> bool {
    path.len() <= 4_096
        && path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}
