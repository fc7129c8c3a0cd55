//! Components that repositories of tests publish.

/// A collector that imports one function of each of these interfaces.
pub(crate) fn collector(imports: &[(&str, &str)]) -> Vec<u8> {
    let each = imports.iter().map(|(interface, function)| {
        format!(
            "(import \"bailiwick:plugin/{interface}@0.1.0\" \
             (instance (export \"{function}\" (func))))"
        )
    });
    wat::parse_str(format!(
        "(component {} (instance $i) (export \"bailiwick:plugin/collect@0.1.0\" (instance $i)))",
        each.collect::<String>()
    ))
    .unwrap()
}
