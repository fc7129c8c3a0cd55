//! Root's rights, one by one (capabilities(7)).

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use rustix::{
    process::geteuid,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};

use super::Drawn;

/// What granted work needs: to read what a plugin's grants name, whoever it belongs to.
const KEPT: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// What the agent's own folder takes besides, where it belongs to another user.
const FOR_OTHERS_FOLDER: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

pub(super) fn drop_all_but_some(data: &Path) -> Drawn {
    let others = fs::metadata(data).is_ok_and(|found| found.uid() != geteuid().as_raw());
    let kept = if others {
        KEPT | FOR_OTHERS_FOLDER
    } else {
        KEPT
    };
    match keep(kept) {
        Err(error) => Drawn::Missing(error.to_string()),
        Ok(left) if left.intersects(FOR_OTHERS_FOLDER) => Drawn::Partly(
            "the agent's data folder belongs to another user than its own, so it keeps the right to \
             pass over the modes of files: give it to its user"
                .to_owned(),
        ),
        Ok(_) => Drawn::Active,
    }
}

fn keep(kept: CapabilitySet) -> rustix::io::Result<CapabilitySet> {
    // What can't be given back by starting a program. Only who has CAP_SETPCAP may, and for
    // whom has not, there is nothing to give back.
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if !kept.contains(one) && remove_capability_from_bounding_set(one).is_err() {
            break;
        }
    }
    // Kernels before 4.3 have none.
    let _ = clear_ambient_capability_set();
    let left = capabilities(None)?.permitted & kept;
    let sets = CapabilitySets {
        effective: left,
        permitted: left,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets)?;
    Ok(left)
}
