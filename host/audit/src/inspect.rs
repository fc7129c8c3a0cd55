//! From bytes to an inspection.

use bailiwick_core::{bytes::ByteCount, digest::Sha256};
use wasmparser::{
    ComponentExternalKind, Encoding, KnownCustom, MemoryType, Parser, Payload, ValidPayload,
    Validator, WasmFeatures, types::Types,
};

use crate::{AuditError, CoreModule, Inspection, Memory, name, producers};

/// Longest component that is read. One that brings a JavaScript or Python interpreter has
/// 12 to 18 MB.
pub const LARGEST: ByteCount = ByteCount::mib(64);

/// How deep components and modules may be nested. What tools compose stays below 5; each
/// level keeps the validator's state for it alive.
pub const DEEPEST: usize = 16;

/// What the engine of this host accepts. Memories of 64 bits, shared memories, garbage
/// collection and component-model async are off there too.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL);

/// Validates `bytes` and lists what the component asks for and offers. Runs nothing, and
/// takes time and memory in proportion to the length.
///
/// # Errors
///
/// If the bytes are no valid component within [`LARGEST`] and [`DEEPEST`].
pub fn inspect(bytes: &[u8]) -> Result<Inspection, AuditError> {
    let size = ByteCount::new(bytes.len() as u64);
    if size > LARGEST {
        let at_most = LARGEST;
        return Err(AuditError::TooLarge { size, at_most });
    }
    if !Parser::is_component(bytes) {
        return Err(AuditError::NotComponent(what_else(bytes)));
    }
    let mut reading = Reading::default();
    let types = reading.read(bytes)?;
    let types = types.as_ref();
    let interface = |name: &String, item: Option<&wasmparser::component_types::ComponentItem>| {
        name::interface(name, item.map(|item| item.ty), types)
    };
    Ok(Inspection {
        sha256: Sha256::of(bytes),
        bytes: size.get(),
        imports: reading
            .imports
            .iter()
            .map(|name| interface(name, types.component_item_for_import(name)))
            .collect(),
        exports: reading
            .exports
            .iter()
            .map(|name| interface(name, types.component_item_for_export(name)))
            .collect(),
        modules: reading.modules,
        nested_components: reading.nested_components,
        producers: reading.producers,
    })
}

fn what_else(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        "the file is empty"
    } else if Parser::is_core_wasm(bytes) {
        "it is a core module; wrap it with `cargo bailiwick build`"
    } else if bytes.starts_with(b"\0asm") {
        "it is WebAssembly of another version"
    } else {
        "it is not WebAssembly in its binary form"
    }
}

/// What is open while reading: a component, or a core module by its place in the list.
#[derive(Clone, Copy)]
enum Level {
    Component,
    Module(usize),
}

#[derive(Default)]
struct Reading {
    levels: Vec<Level>,
    imports: Vec<String>,
    exports: Vec<String>,
    modules: Vec<CoreModule>,
    nested_components: u32,
    producers: Vec<crate::Producer>,
}

impl Reading {
    fn read(&mut self, bytes: &[u8]) -> Result<Types, AuditError> {
        let mut validator = Validator::new_with_features(FEATURES);
        let mut parser = Parser::new(0);
        parser.set_features(FEATURES);
        #[cfg(feature = "bodies")]
        let mut allocations = wasmparser::FuncValidatorAllocations::default();
        let mut last = None;
        for payload in parser.parse_all(bytes) {
            let payload = payload?;
            // Nesting is bounded before the validator makes room for another level.
            self.note(&payload)?;
            match validator.payload(&payload)? {
                #[cfg(feature = "bodies")]
                ValidPayload::Func(function, body) => {
                    let mut function = function.into_validator(allocations);
                    function.validate(&body)?;
                    allocations = function.into_allocations();
                }
                // Nothing is imported there, and the compiler validates them.
                #[cfg(not(feature = "bodies"))]
                ValidPayload::Func(..) => {}
                ValidPayload::End(types) => last = Some(types),
                ValidPayload::Ok | ValidPayload::Parser(_) => {}
            }
        }
        last.ok_or(AuditError::NotComponent("it has no end"))
    }

    fn note(&mut self, payload: &Payload<'_>) -> Result<(), AuditError> {
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => self.levels.push(Level::Component),
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => self
                .levels
                .push(Level::Module(self.modules.len().saturating_sub(1))),
            Payload::End(_) => {
                self.levels.pop();
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                self.check_depth(unchecked_range.start)?;
                self.modules.push(CoreModule {
                    bytes: unchecked_range.end.saturating_sub(unchecked_range.start),
                    memories: Vec::new(),
                });
            }
            Payload::ComponentSection {
                unchecked_range, ..
            } => {
                self.check_depth(unchecked_range.start)?;
                self.nested_components += 1;
            }
            Payload::MemorySection(section) => {
                if let Some(Level::Module(index)) = self.levels.last()
                    && let Some(module) = self.modules.get_mut(*index)
                {
                    for memory in section.clone() {
                        module.memories.push(size(&memory?));
                    }
                }
            }
            Payload::ComponentImportSection(section) if self.levels.len() == 1 => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.levels.len() == 1 => {
                for export in section.clone() {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(section) = section.as_known() {
                    producers::collect(section, &mut self.producers);
                }
            }
            // The validator reads every payload; here only what is reported counts.
            _ => {}
        }
        Ok(())
    }

    fn check_depth(&self, offset: u64) -> Result<(), AuditError> {
        if self.levels.len() >= DEEPEST {
            return Err(AuditError::TooDeep { offset });
        }
        Ok(())
    }
}

fn size(memory: &MemoryType) -> Memory {
    let page = 1_u64
        .checked_shl(memory.page_size_log2.unwrap_or(16))
        .unwrap_or(u64::MAX);
    Memory {
        minimum: memory.initial.saturating_mul(page),
        maximum: memory.maximum.map(|pages| pages.saturating_mul(page)),
    }
}

#[cfg(test)]
mod tests;
