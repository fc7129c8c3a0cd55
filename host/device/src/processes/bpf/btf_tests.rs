use proptest::prelude::*;

use super::*;

/// A BTF of a few types, as the kernel writes them.
fn small() -> Vec<u8> {
    let mut names = vec![0];
    let mut name = |name: &str| {
        let at = names.len();
        names.extend(name.bytes());
        names.push(0);
        u32::try_from(at).unwrap()
    };
    let [int, outer, inner, a, b, c, f, alias] =
        ["int", "outer", "inner", "a", "b", "c", "f", "alias"].map(&mut name);
    let head = |kind: u32, count: u32| kind << 24 | count;
    let widths = 1 << 31;
    let types: Vec<u32> = [
        // 1: int, 4 bytes
        vec![int, head(kind::INT, 0), 4, 32],
        // 2: struct inner { int a; const int *b; }
        vec![inner, head(kind::STRUCT, 2), 16, a, 1, 0, b, 3, 64],
        // 3: pointer to const int; 4: const int
        vec![0, head(kind::PTR, 0), 4],
        vec![0, head(kind::CONST, 0), 1],
        // 5: alias for inner; 6: alias[3]
        vec![alias, head(kind::TYPEDEF, 0), 2],
        vec![0, head(kind::ARRAY, 0), 0, 5, 1, 3],
        // 7: nameless { alias c[3]; }; 8: struct outer { int a : 4; nameless at 8; }
        vec![0, head(kind::STRUCT, 1), 48, c, 6, 0],
        vec![
            outer,
            widths | head(kind::STRUCT, 2),
            56,
            a,
            1,
            4 << 24,
            0,
            7,
            64,
        ],
        // 9: function; 10: a name for itself
        vec![f, head(kind::FUNC, 0), 1],
        vec![f, head(kind::TYPEDEF, 0), 10],
    ]
    .concat();
    let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
    let lengths = [types.len(), names.len()].map(|length| u32::try_from(length).unwrap());
    let mut bytes = MAGIC.to_ne_bytes().to_vec();
    bytes.extend([1, 0]);
    for word in [24, 0, lengths[0], lengths[0], lengths[1]] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    bytes.extend(types);
    bytes.extend(names);
    bytes
}

fn field(offset: u32, bytes: u32) -> Option<Field> {
    Some(Field { offset, bytes })
}

#[test]
fn members_are_found_through_names_arrays_and_nameless_structures() {
    let bytes = small();
    let btf = Btf::parse(&bytes).unwrap();
    let (inner, outer) = (
        btf.structure("inner").unwrap(),
        btf.structure("outer").unwrap(),
    );
    assert_eq!((inner, outer), (TypeId(2), TypeId(8)));
    assert_eq!(btf.field(inner, "a"), field(0, 4));
    assert_eq!(btf.field(inner, "b"), field(8, 8));
    assert_eq!(btf.field(outer, "c[0].a"), field(8, 4));
    assert_eq!(btf.field(outer, "c[2].b"), field(8 + 32 + 8, 8));
    assert_eq!(btf.function("f"), Some(TypeId(9)));
}

#[test]
fn what_is_not_there_is_none() {
    let bytes = small();
    let btf = Btf::parse(&bytes).unwrap();
    let (inner, outer) = (
        btf.structure("inner").unwrap(),
        btf.structure("outer").unwrap(),
    );
    // Four bits; beyond the array; no array; behind a pointer; unknown; a part of a name.
    for path in ["a", "c[3].a", "a[0]", "c[0].b.x", "x", "c[", "c[0", "c[x]"] {
        assert_eq!(btf.field(outer, path), None, "{path}");
    }
    assert_eq!(btf.field(inner, "b.a"), None);
    assert_eq!(btf.field(TypeId(10), "a"), None);
    assert_eq!(btf.field(TypeId(0), "a"), None);
    assert_eq!(btf.structure("inne"), None);
    assert_eq!(btf.structure("f"), None);
}

#[test]
fn what_is_cut_is_refused() {
    let bytes = small();
    for length in 0..bytes.len() {
        assert!(Btf::parse(&bytes[..length]).is_none(), "{length}");
    }
}

#[test]
fn members_that_hold_each_other_end_the_search() {
    // 1: a nameless structure with 60 nameless members, each of which is itself.
    let mut types = vec![0, kind::STRUCT << 24 | 60, 0];
    types.extend((0..60).flat_map(|_| [0, 1, 0]));
    let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
    let btf = Btf {
        types: &types,
        names: &[0],
        begins: vec![0],
    };
    assert_eq!(btf.field(TypeId(1), "a"), None);
}

proptest! {
    #[test]
    fn bytes_of_any_kind_end_in_an_answer(
        from in 24..200_usize,
        noise in proptest::collection::vec(any::<u8>(), 0..64),
        path in "[abc]|c\\[[0-9]\\]\\.[ab]",
    ) {
        let mut bytes = small();
        let from = from.min(bytes.len());
        let until = bytes.len().min(from + noise.len());
        bytes[from..until].copy_from_slice(&noise[..until - from]);
        if let Some(btf) = Btf::parse(&bytes) {
            for id in 0..=u32::try_from(btf.begins.len()).unwrap() {
                let _ = btf.field(TypeId(id), &path);
            }
            let _ = btf.structure("outer");
        }
    }
}
