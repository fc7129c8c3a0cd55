//! What a rollout reports, as an event of the agent.

use bailiwick_core::{ids::PluginName, rollout::Transition};

use crate::events::Event;

/// The event of a transition; none for what another event tells already.
pub(crate) fn event(plugin: &PluginName, transition: &Transition) -> Option<Event> {
    let plugin = plugin.clone();
    let refused = |version: String| Event::Refused {
        plugin: plugin.clone(),
        version,
        reason: transition.to_string(),
    };
    Some(match transition {
        Transition::Preparing { .. } | Transition::OnProbation { .. } => return None,
        Transition::StepFailed { generation, .. }
        | Transition::AwaitsApproval { generation, .. } => {
            refused(generation.wanted.version.to_string())
        }
        Transition::PutOff { generation, .. } => Event::PutOff {
            plugin,
            version: generation.wanted.version.to_string(),
            reason: transition.to_string(),
        },
        Transition::Kept { generation } => Event::Kept {
            plugin,
            version: generation.wanted.version.to_string(),
        },
        Transition::WentBack { from, to, reason } => Event::WentBack {
            plugin,
            from: from.wanted.version.to_string(),
            to: to.as_ref().map(|to| to.wanted.version.to_string()),
            reason: reason.clone(),
        },
        Transition::RolledBackAssignment { offered, .. } => {
            refused(format!("of assignment {offered}"))
        }
        Transition::RefusedForbidden { version, .. } => refused(version.to_string()),
        Transition::StoppedForbidden { .. } | Transition::Removed { .. } => Event::Stopped {
            plugin,
            reason: transition.to_string(),
        },
    })
}
