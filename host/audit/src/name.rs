//! Names of imports and exports, taken apart.

use wasmparser::{
    component_types::ComponentEntityType,
    names::{ComponentName, ComponentNameKind},
    types::TypesRef,
};

use crate::Interface;

/// What a valid component imports or exports as `name`.
pub(crate) fn interface(
    name: &str,
    entity: Option<ComponentEntityType>,
    types: TypesRef<'_>,
) -> Interface {
    let parsed = ComponentName::new(name, 0).ok();
    let parts = match parsed.as_ref().map(ComponentName::kind) {
        Some(ComponentNameKind::Interface(full)) => {
            let package = format!("{}:{}", full.namespace(), full.package());
            let version = full.version(None).ok().flatten();
            Some((package, full.projection().to_string(), version))
        }
        _ => None,
    };
    let (package, interface, version) =
        parts.unwrap_or_else(|| (String::new(), name.to_owned(), None));
    Interface {
        name: name.to_owned(),
        package,
        interface,
        version,
        functions: functions(name, entity, types),
    }
}

fn functions(name: &str, entity: Option<ComponentEntityType>, types: TypesRef<'_>) -> Vec<String> {
    match entity {
        Some(ComponentEntityType::Instance(instance)) => types[instance]
            .exports
            .iter()
            .filter(|(_, item)| !matches!(item.ty, ComponentEntityType::Type { .. }))
            .map(|(name, _)| name.clone())
            .collect(),
        Some(ComponentEntityType::Type { .. }) | None => Vec::new(),
        Some(
            ComponentEntityType::Func(_)
            | ComponentEntityType::Module(_)
            | ComponentEntityType::Value(_)
            | ComponentEntityType::Component(_),
        ) => vec![name.to_owned()],
    }
}
