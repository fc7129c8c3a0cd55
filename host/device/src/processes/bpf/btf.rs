//! Reads BTF, in which the kernel describes its own types (Documentation/bpf/btf.rst of
//! Linux), as far as it takes to find a member of a structure and the number of a function.
//!
//! Whatever the bytes say, nothing is read beyond them, and every search ends.

/// `BTF_MAGIC` of linux/btf.h.
const MAGIC: u16 = 0xeb9f;
/// Bytes of a type without what its kind appends.
const HEAD: usize = 12;
/// Bytes of a member of a structure.
const MEMBER: usize = 12;
/// A member is found among so many, those of nameless structures included: the kernel's largest
/// structure has some three hundred.
const MOST_MEMBERS: usize = 8_192;
/// Nameless structures within each other: two or three in every kernel.
const DEEPEST: usize = 8;
/// Names and qualifiers between a member and its type: a few in every kernel.
const MOST_NAMES: usize = 32;

/// `BTF_KIND_…` of linux/btf.h.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// The number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u32);

/// Where a member is in its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// From the start of the structure, in bytes.
    pub(super) offset: u32,
    /// How long it is, in bytes.
    pub(super) bytes: u32,
}

/// The types of a kernel.
#[derive(Debug)]
pub(super) struct Btf<'a> {
    types: &'a [u8],
    names: &'a [u8],
    /// Where each type begins; the first has number 1.
    begins: Vec<u32>,
}

/// One type.
#[derive(Clone, Copy)]
struct Type<'a> {
    name: u32,
    kind: u32,
    /// Members hold their width beside their offset.
    has_widths: bool,
    /// Bytes, or the type that it names or points to.
    size_or_type: u32,
    /// What its kind appends.
    rest: &'a [u8],
}

impl<'a> Btf<'a> {
    /// None if these bytes are no BTF of this machine's byte order, or hold a kind of type
    /// that is not known here and so can't be passed over.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (magic, _) = bytes.split_first_chunk()?;
        if u16::from_ne_bytes(*magic) != MAGIC {
            return None;
        }
        let section = |at: usize| {
            let body = bytes.get(word(bytes, 4)? as usize..)?;
            let from = word(bytes, at)? as usize;
            body.get(from..from.checked_add(word(bytes, at + 4)? as usize)?)
        };
        let (types, names) = (section(8)?, section(16)?);
        let mut begins = Vec::with_capacity(types.len() / 24);
        let mut at = 0;
        while at < types.len() {
            begins.push(u32::try_from(at).ok()?);
            at += HEAD + read(types, at)?.rest.len();
        }
        Some(Self {
            types,
            names,
            begins,
        })
    }

    /// The function of this name.
    pub(super) fn function(&self, name: &str) -> Option<TypeId> {
        self.named(kind::FUNC, name)
    }

    /// The structure of this name.
    pub(super) fn structure(&self, name: &str) -> Option<TypeId> {
        self.named(kind::STRUCT, name)
    }

    /// The member at a path such as `se.sum_exec_runtime` or `rss_stat[1].count`, whose first
    /// name is a member of `structure` or of a nameless structure in it. Pointers are not
    /// followed.
    pub(super) fn field(&self, structure: TypeId, path: &str) -> Option<Field> {
        let (mut id, mut offset) = (structure.0, 0_u32);
        for step in path.split('.') {
            let (name, index) = match step.split_once('[') {
                Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse().ok()?)),
                None => (step, None),
            };
            let (at, of) = self.member(id, name, DEEPEST, &mut { MOST_MEMBERS })?;
            (id, offset) = (of, offset.checked_add(at)?);
            if let Some(index) = index {
                let (element, count) = self.array(id)?;
                let at: u32 = (index < count).then_some(index)?;
                offset = offset.checked_add(at.checked_mul(self.size(element)?)?)?;
                id = element;
            }
        }
        Some(Field {
            offset,
            bytes: self.size(id)?,
        })
    }

    fn named(&self, kind: u32, name: &str) -> Option<TypeId> {
        let at = self.begins.iter().position(|at| {
            read(self.types, *at as usize)
                .is_some_and(|found| found.kind == kind && self.is_named(found.name, name))
        })?;
        u32::try_from(at + 1).ok().map(TypeId)
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        let rest = self.names.get(at as usize..).unwrap_or_default();
        let rest = rest.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }

    /// Offset and type of a member, if it is found among the next `left` and at most `deep`
    /// structures down.
    fn member(&self, id: u32, name: &str, deep: usize, left: &mut usize) -> Option<(u32, u32)> {
        let deep = deep.checked_sub(1)?;
        let of = self.resolve(id)?;
        if !matches!(of.kind, kind::STRUCT | kind::UNION) {
            return None;
        }
        for member in of.rest.chunks_exact(MEMBER) {
            *left = left.checked_sub(1)?;
            let (called, id, bits) = (word(member, 0)?, word(member, 4)?, word(member, 8)?);
            let (bits, width) = match of.has_widths {
                true => (bits & 0xff_ffff, bits >> 24),
                false => (bits, 0),
            };
            if self.is_named(called, name) {
                // What is not made of whole bytes is nothing that is looked for.
                return (width == 0 && bits % 8 == 0).then_some((bits / 8, id));
            }
            if self.is_named(called, "")
                && let Some((within, found)) = self.member(id, name, deep, left)
            {
                return Some(((bits / 8).checked_add(within)?, found));
            }
        }
        None
    }

    /// Type and number of an array's elements.
    fn array(&self, id: u32) -> Option<(u32, u32)> {
        let of = self.resolve(id)?;
        let is_array = of.kind == kind::ARRAY;
        is_array.then_some((word(of.rest, 0)?, word(of.rest, 8)?))
    }

    fn size(&self, id: u32) -> Option<u32> {
        let of = self.resolve(id)?;
        match of.kind {
            kind::PTR => u32::try_from(size_of::<usize>()).ok(),
            kind::ARRAY => {
                let element = self.resolve(word(of.rest, 0)?)?;
                // An array of arrays is one of its element's many more: none is looked for.
                let is_plain = matches!(element.kind, kind::INT | kind::STRUCT);
                let size = is_plain.then_some(element.size_or_type)?;
                size.checked_mul(word(of.rest, 8)?)
            }
            kind::INT | kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => {
                Some(of.size_or_type)
            }
            _ => None,
        }
    }

    /// The type itself behind names and qualifiers.
    fn resolve(&self, mut id: u32) -> Option<Type<'a>> {
        for _ in 0..MOST_NAMES {
            let at = self.begins.get((id as usize).checked_sub(1)?)?;
            let found = read(self.types, *at as usize)?;
            match found.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = found.size_or_type
                }
                _ => return Some(found),
            }
        }
        None
    }
}

/// The type that begins at `at`.
fn read(types: &[u8], at: usize) -> Option<Type<'_>> {
    let bytes = types.get(at..)?;
    let described = word(bytes, 4)?;
    let (kind, count) = ((described >> 24) & 0x1f, (described & 0xffff) as usize);
    let appended = match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION => count * MEMBER,
        kind::ENUM | kind::FUNC_PROTO => count * 8,
        kind::DATASEC | kind::ENUM64 => count * 12,
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => 0,
        _ => return None,
    };
    Some(Type {
        name: word(bytes, 0)?,
        kind,
        has_widths: described >> 31 == 1,
        size_or_type: word(bytes, 8)?,
        rest: bytes.get(HEAD..HEAD + appended)?,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_ne_bytes(*word))
}

#[cfg(test)]
#[path = "btf_tests.rs"]
mod tests;
