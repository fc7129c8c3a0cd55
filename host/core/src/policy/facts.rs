//! The matcher of `system` and `network` grants: how much is seen of the fields by which a device
//! or a person is known.

use super::{
    Capability, Denial, Policy,
    sight::{Fields, Sight},
};
use crate::time::Timestamp;

/// The grants of one such capability, prepared for quick answers.
#[derive(Clone, Debug, Default)]
pub struct Facts(Sight);

impl Policy {
    /// The matcher of its grants of `capability`, which is [`Capability::gives_facts`].
    pub fn facts(&self, capability: Capability) -> Facts {
        Facts(Sight::of(self, capability))
    }
}

impl Facts {
    /// How much is seen of each field at `now`.
    ///
    /// # Errors
    /// Nothing at all.
    pub fn fields(&self, now: Timestamp) -> Result<Fields, Denial> {
        let view = self.0.view(now)?;
        Ok(view.fields(false).unwrap_or_default())
    }
}
