//! Who may ask this device for what, as the privileged process knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bailiwick_core::{
    action::{
        Accepted, ActionId, Envelope, Judged, OPERATORS_TARGET, Operators, Request, Standing, judge,
    },
    digest::Sha256,
    ids::{DeviceId, GroupName},
    settings::Layer,
    time::Timestamp,
};
use bailiwick_delivery::Signed;
use bailiwick_transport::actions::verifies;

use crate::{actions::signed_at, enrolment::Record, settings::Sources};

/// Actions that began and have not expired, as many as the agent's own record holds.
const MOST: usize = 4_096;

/// Holds actions against operators, the device's groups, the time, and what began before.
pub(super) struct Asking {
    operators: Operators,
    /// The file that they are from.
    list: Option<Sha256>,
    settings: Sources,
    /// What the device was told when it was enrolled, as it was before any guest ran.
    enrolment: Layer,
    groups: BTreeSet<GroupName>,
    /// The highest time that somebody trusted has signed.
    signed: Timestamp,
    /// When each expires that began.
    began: BTreeMap<ActionId, Timestamp>,
}

impl Asking {
    /// Of the agent's data folder, its settings file, and the groups that win over what that says.
    pub(super) fn new(data: &Path, settings: PathBuf, groups: Option<&str>) -> Self {
        let enrolment = Record::read(data).ok().flatten();
        Self {
            operators: Operators::default(),
            list: None,
            settings: Sources::of_groups(settings, groups),
            enrolment: enrolment.map(|record| record.layer()).unwrap_or_default(),
            groups: BTreeSet::new(),
            signed: Timestamp::EPOCH,
            began: BTreeMap::new(),
        }
    }

    /// All this was signed, whatever the device's clock says.
    pub(super) fn is_at_least(&mut self, signed: &Signed) {
        let at = signed.timestamp_expires.as_deref().and_then(signed_at);
        self.signed = self.signed.max(at.unwrap_or(Timestamp::EPOCH));
    }

    /// The list of operators has this digest; none if there is none. `text` has files by theirs.
    ///
    /// # Errors
    /// It is not kept, or can't be read: nobody knows who may ask.
    pub(super) fn listed(
        &mut self,
        list: Option<Sha256>,
        text: impl FnOnce(&Sha256) -> Option<String>,
    ) -> Result<(), String> {
        if list == self.list {
            return Ok(());
        }
        self.operators = match &list {
            None => Operators::default(),
            Some(digest) => {
                let text = text(digest).ok_or(
                    "the list of operators that is signed now is not on this device yet: send it \
                     again after its next refresh",
                )?;
                Operators::parse(OPERATORS_TARGET, &text).map_err(|error| error.to_string())?
            }
        };
        self.list = list;
        Ok(())
    }

    /// Whether an action may begin, and what it asks for. It begins with that.
    ///
    /// # Errors
    /// It may not: why.
    pub(super) fn judge(
        &mut self,
        envelope: &Envelope,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<Request, String> {
        // What can't be read changes nothing, for the agent as well.
        if let Ok(groups) = self.settings.groups(&self.enrolment) {
            self.groups = groups;
        }
        let judged = Judged {
            operators: &self.operators,
            device,
            groups: &self.groups,
            signed: self.signed,
            now,
            // A policy for it counts as long as it is signed.
            standing: Standing::Handler,
        };
        let began = |action: &ActionId| self.began.contains_key(action);
        match judge(envelope, &judged, began, verifies) {
            Ok(Accepted::Run(request)) => self.begins(request),
            Ok(Accepted::Cancel { .. } | Accepted::Rate { .. }) => {
                Err("it asks no handler to do something".to_owned())
            }
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    fn begins(&mut self, request: Request) -> Result<Request, String> {
        if self.began.len() >= MOST {
            // Not by the clock, which can be set back.
            self.began.retain(|_, expires| *expires > self.signed);
        }
        if self.began.len() >= MOST {
            return Err("too many actions began that have not expired".to_owned());
        }
        self.began.insert(request.id, request.expires);
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
