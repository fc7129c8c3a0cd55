//! Components made of others: with a section of their own, and as large as those that bring an
//! interpreter. Both are valid, with what they import and export unchanged.
//!
//! Layout: <https://webassembly.github.io/spec/core/binary/modules.html>, and
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>.

/// Magic number, version and layer.
const HEADER: usize = 8;

/// Sections of a component that count here.
const CORE_MODULE: u8 = 1;

/// Sections of a module that count here; custom ones are alike in components.
const CUSTOM: u8 = 0;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
const DATA: u8 = 11;
/// How many segments there are, in modules whose functions name them.
const DATA_COUNT: u8 = 12;

/// `component` with a custom section that says `text`: other bytes, of the same meaning.
pub(super) fn stamped(component: &[u8], text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    put_with_length(&mut name, b"copy");
    name.extend_from_slice(text.as_bytes());
    let mut all = component.to_vec();
    put_section(&mut all, CUSTOM, &name);
    all
}

/// `component`, its largest module grown until it has `bytes`: two thirds of them functions as
/// the compiler made them, again and again, and the rest data that has no pattern. `None` if it
/// is larger already, has no such module, or one with functions that name data.
///
/// A function names types, others, globals and tables by number, and all of those stay. So each
/// copy is valid where the first one was, and has to be validated again.
pub(super) fn enlarged(component: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let sections = sections(component)?;
    let of_module = |(kind, content): &(u8, &[u8])| match *kind {
        CORE_MODULE => content.len(),
        _ => 0,
    };
    let (largest, _) = sections
        .iter()
        .enumerate()
        .max_by_key(|(_, section)| of_module(section))?;
    let mut all = component.get(..HEADER)?.to_vec();
    for (index, (kind, content)) in sections.iter().enumerate() {
        if index == largest {
            let module = enlarged_module(content, bytes.checked_sub(component.len())?)?;
            put_section(&mut all, CORE_MODULE, &module);
        } else {
            put_section(&mut all, *kind, content);
        }
    }
    Some(all)
}

/// `module` with about `bytes` more.
fn enlarged_module(module: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let sections = sections(module)?;
    let find = |wanted| sections.iter().find(|(kind, _)| *kind == wanted);
    let elements = |wanted| Some(number(find(wanted)?.1)?.1.len());
    let copied = elements(CODE)? + elements(FUNCTIONS)?;
    if find(DATA).is_none() || find(DATA_COUNT).is_some() {
        return None;
    }
    let copies = bytes / 3 * 2 / copied;
    let data = noise(bytes.checked_sub(copies * copied)?);
    let mut all = module.get(..HEADER)?.to_vec();
    for (kind, content) in &sections {
        let mut content = content.to_vec();
        match *kind {
            FUNCTIONS | CODE => content = repeated(&content, copies + 1)?,
            DATA => content = with_data(&content, &data)?,
            _ => {}
        }
        put_section(&mut all, *kind, &content);
    }
    Some(all)
}

/// A vector, so many times.
fn repeated(vector: &[u8], times: usize) -> Option<Vec<u8>> {
    let (count, elements) = number(vector)?;
    let mut all = Vec::new();
    put_number(&mut all, count * times);
    all.extend(elements.repeat(times));
    Some(all)
}

/// A data section with one segment more, active at address 0 of memory 0.
fn with_data(section: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (count, segments) = number(section)?;
    let mut all = Vec::new();
    put_number(&mut all, count + 1);
    all.extend_from_slice(segments);
    // Active; i32.const 0; end.
    all.extend([0, 0x41, 0, 0x0b]);
    put_with_length(&mut all, data);
    Some(all)
}

/// Bytes without a pattern, the same each time: xorshift64*.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// The sections of a module or component: kind and content.
fn sections(binary: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut rest = binary.get(HEADER..)?;
    let mut all = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (content, after) = after.split_at_checked(length)?;
        all.push((*kind, content));
        rest = after;
    }
    Some(all)
}

/// An unsigned LEB128 number, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = bytes.split_at(last + 1);
    let value = digits
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    Some((value, rest))
}

fn put_number(all: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        all.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    all.push(value as u8);
}

fn put_with_length(all: &mut Vec<u8>, bytes: &[u8]) {
    put_number(all, bytes.len());
    all.extend_from_slice(bytes);
}

fn put_section(all: &mut Vec<u8>, kind: u8, content: &[u8]) {
    all.push(kind);
    put_with_length(all, content);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(component (core module (func) (func) (memory 1) (data (i32.const 0) "x")))`.
    fn small() -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        put_section(&mut module, 1, &[1, 0x60, 0, 0]);
        put_section(&mut module, FUNCTIONS, &[2, 0, 0]);
        put_section(&mut module, 5, &[1, 0, 1]);
        put_section(&mut module, CODE, &[2, 2, 0, 0x0b, 2, 0, 0x0b]);
        put_section(&mut module, DATA, &[1, 0, 0x41, 0, 0x0b, 1, b'x']);
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        put_section(&mut component, CORE_MODULE, &module);
        component
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, 127, 128, 624_485, 18_000_000] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, value);
            bytes.push(9);
            assert_eq!(number(&bytes), Some((value, &[9_u8][..])));
        }
        assert_eq!(number(&[0x80]), None);
    }

    #[test]
    fn a_component_grows_by_functions_and_data_and_keeps_the_rest() {
        let large = enlarged(&small(), 100_000).unwrap();
        assert!((99_900..=100_100).contains(&large.len()), "{}", large.len());
        let outer = sections(&large).unwrap();
        let inner = sections(outer[0].1).unwrap();
        let kinds: Vec<_> = inner.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [1, FUNCTIONS, 5, CODE, DATA]);
        let count = |index: usize| number(inner[index].1).unwrap().0;
        assert_eq!(count(1), count(3));
        assert!(count(1) > 10_000);
        assert_eq!(count(4), 2);
        assert!(enlarged(&large, 1_000).is_none());
    }

    #[test]
    fn a_stamp_makes_other_bytes_and_changes_no_section() {
        let (one, other) = (stamped(&small(), "one"), stamped(&small(), "other"));
        assert_ne!(one, other);
        let all = sections(&one).unwrap();
        assert_eq!(all[..1], sections(&small()).unwrap());
        assert_eq!(all[1], (CUSTOM, &b"\x04copyone"[..]));
    }
}
