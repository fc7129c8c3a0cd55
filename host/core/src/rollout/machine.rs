//! The transitions.

use super::{Effect, Event, Generation, Probation, Rollout, Step, Transition, Wanted};
use crate::{ids::GenerationId, time::Monotonic};

impl Rollout {
    /// Takes in what happened at `now` and says what to do.
    pub fn on(&mut self, event: Event, now: Monotonic) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Started => self.started(now, &mut effects),
            Event::Assigned { serial, wanted } => {
                if self.follows(serial, &mut effects) {
                    self.assigned(wanted, &mut effects);
                }
            }
            Event::Unassigned { serial } => {
                if self.follows(serial, &mut effects) {
                    self.unassigned(&mut effects);
                }
            }
            Event::StepDone { generation, step } => {
                self.step_done(generation, step, now, &mut effects);
            }
            Event::StepFailed {
                generation,
                step,
                reason,
            } => {
                if let Some(generation) = self.drop_candidate(generation, step, true, &mut effects)
                {
                    effects.push(Effect::Report(Transition::StepFailed {
                        generation,
                        step,
                        reason,
                        running: self.running_version(),
                    }));
                }
            }
            Event::StepPutOff {
                generation,
                step,
                reason,
            } => {
                if let Some(generation) = self.drop_candidate(generation, step, false, &mut effects)
                {
                    effects.push(Effect::Report(Transition::PutOff {
                        generation,
                        step,
                        reason,
                    }));
                }
            }
            Event::Widened {
                generation,
                difference,
            } => {
                if let Some(generation) =
                    self.drop_candidate(generation, Step::Audit, true, &mut effects)
                {
                    effects.push(Effect::Report(Transition::AwaitsApproval {
                        generation,
                        difference,
                        running: self.running_version(),
                    }));
                }
            }
            Event::CallSucceeded { generation } => {
                if let Some(probation) = self.trial_of(generation) {
                    probation.successes += 1;
                    self.judge(now, &mut effects);
                }
            }
            Event::CallFailed { generation, reason } => {
                let allowed = self.trial.failures;
                if let Some(probation) = self.trial_of(generation) {
                    probation.failures += 1;
                    if probation.failures >= allowed {
                        self.go_back(reason, &mut effects);
                    }
                }
            }
            Event::Revoked(revocations) => {
                let before = self.why_failed_is_forbidden();
                self.revocations = revocations;
                self.stop_revoked(&mut effects);
                self.judge_failed(before, &mut effects);
            }
            Event::Tick => self.judge(now, &mut effects),
        }
        self.failed_is_forbidden = self.why_failed_is_forbidden().is_some();
        effects
    }

    fn started(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        self.stop_revoked(effects);
        // What was revoked is not running, so only `Discard` matters of the above.
        effects.retain(|effect| !matches!(effect, Effect::Stop(_) | Effect::Start(_)));
        // Why it was is told anew after each start.
        let before = self.failed_is_forbidden.then(String::new);
        self.judge_failed(before, effects);
        if let Some(probation) = &mut self.probation {
            probation.since = Some(now);
            probation.starts += 1;
            if probation.starts >= self.trial.starts {
                let reason = format!("the agent started {} times during it", probation.starts);
                self.go_back(reason, effects);
                effects.retain(|effect| !matches!(effect, Effect::Stop(_)));
                return;
            }
        }
        if let Some(running) = &self.running {
            effects.push(Effect::Start(running.clone()));
        }
    }

    /// Refuses an assignment that is older than one that was followed.
    fn follows(&mut self, serial: u64, effects: &mut Vec<Effect>) -> bool {
        if serial < self.serial {
            effects.push(Effect::Report(Transition::RolledBackAssignment {
                offered: serial,
                followed: self.serial,
            }));
            return false;
        }
        self.serial = serial;
        true
    }

    fn assigned(&mut self, wanted: Wanted, effects: &mut Vec<Effect>) {
        // Wanting something else in between is how an operator asks for a second try.
        self.failed.take_if(|failed| *failed != wanted);
        if let Some((candidate, _)) = &self.candidate {
            if candidate.wanted == wanted {
                return;
            }
            effects.push(Effect::Discard(candidate.clone()));
            self.candidate = None;
        }
        let runs = self
            .running
            .as_ref()
            .is_some_and(|running| running.wanted == wanted);
        if runs || self.failed.as_ref() == Some(&wanted) {
            return;
        }
        if let Some(reason) = self.forbidden(&wanted) {
            effects.push(Effect::Report(Transition::RefusedForbidden {
                version: wanted.version.clone(),
                reason,
                running: self.running_version(),
            }));
            // Told once, and not with every refresh.
            self.failed = Some(wanted);
            return;
        }
        self.last_id = GenerationId(self.last_id.0 + 1);
        let generation = Generation {
            id: self.last_id,
            wanted,
        };
        effects.push(Effect::Report(Transition::Preparing {
            generation: generation.clone(),
        }));
        self.begin(generation, Step::Verify, effects);
    }

    fn begin(&mut self, generation: Generation, step: Step, effects: &mut Vec<Effect>) {
        self.candidate = Some((generation.clone(), step));
        effects.push(Effect::Do {
            step,
            generation,
            running: self.running.clone(),
        });
    }

    fn unassigned(&mut self, effects: &mut Vec<Effect>) {
        self.failed = None;
        self.probation = None;
        let candidate = self.candidate.take().map(|(candidate, _)| candidate);
        effects.extend(
            candidate
                .into_iter()
                .chain(self.previous.take())
                .map(Effect::Discard),
        );
        if let Some(generation) = self.running.take() {
            effects.push(Effect::Stop(generation.clone()));
            effects.push(Effect::Discard(generation.clone()));
            effects.push(Effect::Report(Transition::Removed { generation }));
        }
    }

    fn step_done(
        &mut self,
        id: GenerationId,
        step: Step,
        now: Monotonic,
        effects: &mut Vec<Effect>,
    ) {
        let Some((generation, _)) = self
            .candidate
            .take_if(|(candidate, at)| candidate.id == id && *at == step)
        else {
            return;
        };
        if let Some(next) = step.next() {
            return self.begin(generation, next, effects);
        }
        // A generation that replaces one still on probation: nothing is proven of that
        // one, so what it would have gone back to stays what to go back to.
        let replaced = self.running.replace(generation.clone());
        if self.probation.is_some() && self.previous.is_some() {
            effects.extend(replaced.map(Effect::Discard));
        } else {
            self.previous = replaced;
        }
        self.failed = None;
        self.probation = Some(Probation {
            since: Some(now),
            ..Probation::default()
        });
        // Calls move first; then what they moved from can go.
        effects.insert(0, Effect::Activate(generation.clone()));
        effects.push(Effect::Report(Transition::OnProbation { generation }));
    }

    fn drop_candidate(
        &mut self,
        id: GenerationId,
        step: Step,
        for_good: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<Generation> {
        let (generation, _) = self
            .candidate
            .take_if(|(candidate, at)| candidate.id == id && *at == step)?;
        if for_good {
            self.failed = Some(generation.wanted.clone());
        }
        effects.push(Effect::Discard(generation.clone()));
        Some(generation)
    }

    fn trial_of(&mut self, id: GenerationId) -> Option<&mut Probation> {
        let running = self.running.as_ref()?;
        if running.id == id {
            self.probation.as_mut()
        } else {
            None
        }
    }

    /// Keeps what runs if its trial has ended well.
    fn judge(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        let (Some(probation), Some(running)) = (&self.probation, &self.running) else {
            return;
        };
        let long = probation
            .since
            .is_some_and(|since| now.since(since) >= self.trial.duration);
        if probation.successes >= self.trial.calls || (long && probation.successes > 0) {
            let generation = running.clone();
            self.probation = None;
            effects.extend(self.previous.take().map(Effect::Discard));
            effects.push(Effect::Report(Transition::Kept { generation }));
        }
    }

    /// Leaves what runs for what ran before, if there is something.
    fn go_back(&mut self, reason: String, effects: &mut Vec<Effect>) {
        let Some(from) = self.running.take() else {
            return;
        };
        self.probation = None;
        self.failed = Some(from.wanted.clone());
        self.running = self.previous.take();
        effects.push(Effect::Stop(from.clone()));
        effects.extend(self.running.clone().map(Effect::Start));
        effects.push(Effect::Discard(from.clone()));
        effects.push(Effect::Report(Transition::WentBack {
            from,
            to: self.running.clone(),
            reason,
        }));
    }

    /// Stops everything that is revoked or refused. What ran before such a generation on
    /// probation runs again, unless it may not either.
    fn stop_revoked(&mut self, effects: &mut Vec<Effect>) {
        let revoked = |rollout: &Self, generation: &Option<Generation>| {
            generation
                .as_ref()
                .and_then(|generation| rollout.forbidden(&generation.wanted))
        };
        let candidate = self
            .candidate
            .as_ref()
            .map(|(candidate, _)| candidate.clone());
        if let Some(reason) = revoked(self, &candidate) {
            self.candidate = None;
            effects.extend(candidate.into_iter().flat_map(|generation| {
                let version = generation.wanted.version.clone();
                [
                    Effect::Discard(generation),
                    Effect::Report(Transition::RefusedForbidden {
                        version,
                        reason: reason.clone(),
                        running: self.running_version(),
                    }),
                ]
            }));
        }
        if revoked(self, &self.previous).is_some() {
            effects.extend(self.previous.take().map(Effect::Discard));
        }
        if let Some(reason) = revoked(self, &self.running)
            && let Some(generation) = self.running.take()
        {
            self.probation = None;
            self.running = self.previous.take();
            effects.push(Effect::Stop(generation.clone()));
            effects.push(Effect::Discard(generation.clone()));
            effects.push(Effect::Report(Transition::StoppedForbidden {
                generation,
                reason,
            }));
            effects.extend(self.running.clone().map(Effect::Start));
        }
    }

    /// What failed, for another reason so far, is now refused or revoked: that is what to tell
    /// of it. If that was taken back, it may be tried again.
    fn judge_failed(&mut self, before: Option<String>, effects: &mut Vec<Effect>) {
        let now = self.why_failed_is_forbidden();
        if now == before {
            return;
        }
        let (Some(reason), Some(failed)) = (now, &self.failed) else {
            self.failed = None;
            return;
        };
        effects.push(Effect::Report(Transition::RefusedForbidden {
            version: failed.version.clone(),
            reason,
            running: self.running_version(),
        }));
    }

    fn why_failed_is_forbidden(&self) -> Option<String> {
        self.forbidden(self.failed.as_ref()?)
    }

    fn forbidden(&self, wanted: &Wanted) -> Option<String> {
        self.revocations
            .forbids(&self.vendor, &self.plugin, &wanted.version)
    }

    fn running_version(&self) -> Option<semver::Version> {
        self.running
            .as_ref()
            .map(|running| running.wanted.version.clone())
    }
}
