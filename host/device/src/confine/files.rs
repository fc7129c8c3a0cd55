//! Landlock: what may be written, that nothing may be executed, and nobody outside signalled.
//!
//! It is made for the version of 6.12 (ABI 6), and takes what older kernels have of it. One
//! thing it does not do: connecting stays, since plugins and the agent itself go out to the
//! network. And for two it has no right:
//! the modes of files, which their owner may change, and ports of UDP.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use super::Drawn;

pub(super) fn close(data: &Path) -> Drawn {
    match rules(data).and_then(RulesetCreated::restrict_self) {
        Err(error) => Drawn::Missing(error.to_string()),
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => Drawn::Active,
            RulesetStatus::PartiallyEnforced => Drawn::Partly(
                "the kernel is older than Linux 6.12 and knows only a part of it".to_owned(),
            ),
            RulesetStatus::NotEnforced => Drawn::Missing(
                "the kernel has no Landlock, or it is not among the modules of `lsm=`".to_owned(),
            ),
        },
    }
}

fn rules(data: &Path) -> Result<RulesetCreated, RulesetError> {
    let all = AccessFs::from_all(ABI::V5);
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let own =
        all & !make_bitflags!(AccessFs::{Execute | IoctlDev | MakeChar | MakeBlock | MakeSock});
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::Signal)?
        .create()?;
    for (path, access) in [(Path::new("/"), read), (data, own)] {
        rules = beneath(rules, path, access)?;
    }
    Ok(rules)
}

/// A folder that is not there needs no rule: nothing can be made in it.
fn beneath(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(folder) => rules.add_rule(PathBeneath::new(folder, access)),
        Err(_) => Ok(rules),
    }
}
