//! One round of the watcher: what is asked, and what becomes of the answers.

use std::time::{SystemTime, UNIX_EPOCH};

use diem_base::{Base, BaseError, Bridge, Facts, FoundEvent, Survey};
use diem_bridge::{
    Checkpoint, MAX_EVENTS, UNTIL_UNPAUSE,
    attesting::{self, Bounds},
    fold,
    inbound::{self, applied, attested},
    replay::{self, Missing},
    state::contract,
};
use diem_engine::engine::EngineStatus;
use diem_store::Snapshot;

use super::{
    Scene, Watcher,
    alarm::{Finding, judge},
    choose::{candidates, is_old_enough, missing_proofs},
    desk::Reorg,
    trail::{Goal, Search, TrailError},
};
use crate::faults::Fault;

/// The number of times that the proof of a block is asked for: it does not become younger.
const TRIES: u8 = 3;
/// The most events that are judged with a young block. Of more, only the supply is.
const JUDGED_EVENTS: u64 = 5 * MAX_EVENTS as u64;

impl Watcher {
    /// Looks at Base once, for the contract of this scene. Returns whether any endpoint answered.
    pub(super) async fn look(&mut self, scene: &mut Scene, state: &Snapshot) -> bool {
        let Some(bounds) = attesting::bounds(state) else { return true };
        scene.rounds = scene.rounds.wrapping_add(1);
        let epoch = self.desk.epoch();
        let (named, own) = (attesting::named(state), self.own_blocks(scene, &bounds));
        let recent: Vec<u64> = attesting::recent(state).iter().map(|checkpoint| checkpoint.number).collect();
        let mut asked = candidates(&bounds, scene.finalized.unwrap_or_default(), &named, &self.proofs.numbers());
        asked.extend(own.iter().map(|(number, _)| *number));
        asked.extend(recent.iter().filter(|number| self.proofs.hash(**number).is_some()));
        asked.extend(scene.alarm.waiting());
        let numbers: Vec<u64> = asked.into_iter().rev().collect();
        let survey = scene.quorum.survey(&numbers).await;
        self.report_finality(scene, &survey);
        // One that lies about its newest block must not lead the others astray.
        let Some(newest) = survey.latest().or_else(|| survey.newest()) else {
            self.report_refused(scene);
            return false;
        };
        self.notice_reorg(&survey, &own);
        self.lay_finals(scene, &survey, &numbers, epoch);
        self.take_young_proofs(scene, state, &bounds, newest, &named).await;
        self.hand_on_events(scene, state).await;
        self.judge_young_blocks(scene, &survey).await;
        self.report_refused(scene);
        self.proofs.drop_below(recent.first().copied().unwrap_or(bounds.above));
        scene.failures.retain(|number, _| *number > bounds.above);
        self.metrics.watcher().proofs(self.proofs.len());
        true
    }

    /// Says which endpoints do not count, and why.
    fn report_refused(&mut self, scene: &Scene) {
        let refused = scene.quorum.refused();
        self.metrics.watcher().refused(refused.len());
        if refused.is_empty() {
            return self.faults.clear(Fault::RefusedEndpoint);
        }
        let kind: Vec<&str> = refused.iter().map(|endpoint| endpoint.url.as_str()).collect();
        let text: Vec<String> = refused.iter().map(|one| format!("{}: {}", one.url, one.reason)).collect();
        let text = format!("an endpoint of Base does not count: {}", text.join("; "));
        self.faults.raise_kind(Fault::RefusedEndpoint, &kind.join(" "), text);
    }

    /// Says up to where Base is final, or that too few endpoints are left to know.
    fn report_finality(&mut self, scene: &mut Scene, survey: &Survey) {
        if let Some(number) = survey.finalized() {
            scene.finalized = Some(number);
            self.metrics.watcher().finalized(number);
            return self.faults.clear(Fault::NoQuorum);
        }
        let needed = scene.quorum.needed();
        let text = format!(
            "fewer than {needed} endpoints of Base answer, so that nothing is final and nothing is stated: mend \
             `bridge.endpoints`"
        );
        self.faults.raise(Fault::NoQuorum, text);
    }

    /// The blocks that this node has stated and that can still be compared: those above the last attested one, and that.
    fn own_blocks(&self, scene: &Scene, bounds: &Bounds) -> Vec<(u64, [u8; 32])> {
        let (stated, accepted) = (self.desk.stated(&scene.domain.separator()), self.desk.accepted());
        let is_compared = |number: u64| number >= bounds.above && accepted.is_none_or(|accepted| number > accepted);
        stated.into_iter().filter(|(number, _)| is_compared(*number)).collect()
    }

    /// Stops the signer if enough endpoints call a block final that this node has stated otherwise.
    fn notice_reorg(&mut self, survey: &Survey, own: &[(u64, [u8; 32])]) {
        if self.settings.reverts || self.desk.stopped().is_some() {
            return;
        }
        let differs = own.iter().find_map(|(number, stated)| {
            let found = survey.final_hash(*number).filter(|found| found != stated)?;
            Some(Reorg { number: *number, stated: *stated, found, accepted: false })
        });
        let Some(reorg) = differs else { return self.faults.clear(Fault::Reorg) };
        // Without the file the signer would begin again with the next start, so that it is tried in every round.
        match self.desk.stop(&reorg) {
            Ok(()) => self.faults.raise(Fault::Reorg, self.desk.stopped().unwrap_or_default()),
            Err(error) => self.faults.raise(Fault::Reorg, format!("Base has changed below its finality, and {error}")),
        }
    }

    /// Lays down the blocks that are final, old enough, and proven by a proof of the same hash.
    fn lay_finals(&mut self, scene: &Scene, survey: &Survey, numbers: &[u64], epoch: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut finals: Vec<Checkpoint> = Vec::new();
        for number in numbers.iter().rev() {
            let (Some(hash), Some(kept)) = (survey.final_hash(*number), self.proofs.hash(*number)) else { continue };
            if hash != kept {
                // The block was replaced before it was final.
                self.proofs.drop(*number);
                continue;
            }
            let Some(facts) = self.proofs.facts(*number, &scene.domain.bridge) else { continue };
            let is_old = is_old_enough(facts.checkpoint.timestamp, now, self.settings.min_age);
            if is_old && self.has_its_code(scene, &facts) {
                finals.push(facts.checkpoint);
            }
        }
        self.desk.lay(epoch, scene.domain.separator(), finals);
    }

    /// Whether both contracts have the code that they were created with.
    fn has_its_code(&mut self, scene: &Scene, facts: &Facts) -> bool {
        let is_same = facts.bridge_code == scene.codes.bridge && facts.token_code == scene.codes.token;
        if is_same {
            self.faults.clear(Fault::Code);
        } else {
            let bridge = scene.domain.bridge.to_hex();
            let text = format!(
                "block {} of Base proves other code at the bridge {bridge} or its token than this version creates: \
                 nothing of Base is stated; update diemd, or find out what was deployed",
                facts.checkpoint.number
            );
            self.faults.raise_kind(Fault::Code, &bridge, text);
        }
        is_same
    }

    /// Asks for the proofs of young blocks, of each endpoint in turn until one has it.
    async fn take_young_proofs(
        &mut self,
        scene: &mut Scene,
        state: &Snapshot,
        bounds: &Bounds,
        newest: u64,
        named: &[u64],
    ) {
        let missing = missing_proofs(bounds, newest, scene.finalized, named, |number| {
            self.proofs.hash(number).is_some() || scene.failures.get(&number).is_some_and(|tries| *tries >= TRIES)
        });
        let Some(first) = missing.first().copied() else { return };
        let mut reasons = Vec::new();
        for number in missing {
            match self.take_proof(scene, bounds, number).await {
                Ok(Some(facts)) => {
                    scene.alarm.note(facts, state.height());
                    if number == first {
                        self.faults.clear(Fault::Proofs);
                    }
                }
                // No endpoint has the block yet.
                Ok(None) => {}
                Err(reason) => {
                    let tries = scene.failures.entry(number).or_default();
                    *tries = tries.saturating_add(1);
                    // Of the newest block the proof should be there; an older one may be too old.
                    reasons.extend((number == first && *tries >= TRIES).then_some(reason));
                }
            }
        }
        if let Some(reason) = reasons.pop() {
            let text = format!(
                "no endpoint of Base proves block {first}, which is skipped: {reason}; name one in `bridge.endpoints` \
                 that serves eth_getProof of recent blocks (`diemd bridge check-endpoint` says which)"
            );
            self.faults.raise_kind(Fault::Proofs, "young", text);
        }
    }

    /// Takes and keeps the proof of one block. The reason is the last endpoint's.
    async fn take_proof(&mut self, scene: &mut Scene, bounds: &Bounds, number: u64) -> Result<Option<Facts>, String> {
        let mut reason = None;
        for (place, base) in scene.bases(number.checked_div(bounds.every).unwrap_or_default()) {
            match base.checkpoint_proof(&scene.domain.bridge, number).await {
                Ok(Some((proof, facts))) => {
                    self.proofs.keep(&facts, &proof).map_err(|error| error.to_string())?;
                    return Ok(Some(facts));
                }
                Ok(None) => {}
                Err(error) => {
                    if matches!(error, BaseError::Unproven { .. }) {
                        scene.quorum.refuse(place, error.to_string());
                    }
                    reason = Some(error.to_string());
                }
            }
        }
        reason.map_or(Ok(None), Err)
    }

    /// Finds the events that the chain misses, and hands them on in its chunks.
    async fn hand_on_events(&mut self, scene: &mut Scene, state: &Snapshot) {
        let Some((missing, goal)) = replay::missing(state).zip(goal(state)) else {
            (scene.search, scene.trail) = (None, None);
            self.faults.clear(Fault::Events);
            return;
        };
        if scene.trail.as_ref().is_some_and(|trail| !trail.fits(&missing)) {
            scene.trail = None;
        }
        let mut reason = None;
        for (place, base) in scene.bases(scene.rounds) {
            // A search belongs to its endpoint. If that one is gone, another begins anew.
            let searched = scene.search.as_ref().filter(|search| search.goal == goal).map(|search| search.place);
            if searched.is_some_and(|searched| searched != place && scene.quorum.is_answering(searched)) {
                continue;
            }
            match self.hand_on(scene, (place, &base), &missing, &goal).await {
                Ok(()) => {
                    self.faults.clear(Fault::Events);
                    return;
                }
                Err(error) => {
                    (scene.search, scene.trail) = (None, None);
                    if matches!(error, TrailError::Logs(_)) {
                        scene.quorum.refuse(place, error.to_string());
                    }
                    reason = Some(error.to_string());
                }
            }
        }
        let reason = reason.unwrap_or_else(|| "none answers".into());
        let (first, last) = (missing.first, missing.last);
        let text = format!("no endpoint of Base gives the events {first} to {last} that were attested: {reason}");
        self.faults.raise_kind(Fault::Events, "events", text);
    }

    /// Goes on with the search, or hands on the chunks that the chain takes next.
    async fn hand_on(
        &self,
        scene: &mut Scene,
        (place, base): (usize, &Base),
        missing: &Missing,
        goal: &Goal,
    ) -> Result<(), TrailError> {
        let bridge = scene.domain.bridge;
        if scene.trail.is_none() {
            let found = scene.search.take().filter(|search| search.goal == *goal && search.place == place);
            let mut search = found.unwrap_or_else(|| Search::new(goal.clone(), place));
            scene.trail = search.go_on(base, &bridge).await?;
            scene.search = scene.trail.is_none().then_some(search);
        }
        let Some(trail) = &scene.trail else { return Ok(()) };
        for chunk in trail.chunks(base, &bridge, missing).await? {
            // If the state has moved on, the next round knows.
            if self.app.offer_chunk(chunk).is_ok() {
                self.metrics.watcher().chunk();
            }
        }
        if let Some(engine) = self.engine.as_ref().filter(|_| self.app.has_waiting_statements()) {
            engine.statements_wait();
        }
        Ok(())
    }

    /// Judges young blocks by a state that is newer than they are, while this node follows its own chain.
    async fn judge_young_blocks(&mut self, scene: &mut Scene, survey: &Survey) {
        let state = self.app.store().latest();
        if !self.follows_its_chain(state.height()).await {
            return;
        }
        for facts in scene.alarm.take_due(state.height(), |number| survey.agreed_hash(number)) {
            let events = self.events_of(scene, &state, &facts).await;
            let finding = judge(&state, &facts, &events);
            if let Some(finding) = &finding {
                tracing::warn!(
                    block = facts.checkpoint.number,
                    "bridge: a young block of Base looks forged: {finding}"
                );
            }
            match scene.alarm.judged(facts.checkpoint.number, finding) {
                Some(finding) => self.raise_alarm(scene, &facts, &finding).await,
                None if finding.is_none() => self.faults.clear(Fault::EarlyAlarm),
                None => {}
            }
        }
    }

    /// Whether the engine beside it has no block that this node lacks: what an older state does not know of, the chain
    /// may have caused.
    async fn follows_its_chain(&self, height: u64) -> bool {
        let Some(engine) = &self.engine else { return true };
        let is_current = |status: EngineStatus| !status.catching_up && status.latest_height <= height.saturating_add(1);
        engine.status().await.is_ok_and(is_current)
    }

    /// The events between what was applied and a young block, if an endpoint gives those that the block proves.
    async fn events_of(&self, scene: &Scene, state: &Snapshot, facts: &Facts) -> Vec<FoundEvent> {
        let (applied, checkpoint) = (applied(state), facts.checkpoint);
        let first = applied.event_nonce.saturating_add(1);
        let Some(goal) = goal_up_to(state, &checkpoint) else { return Vec::new() };
        if checkpoint.event_nonce.saturating_sub(applied.event_nonce) > JUDGED_EVENTS {
            return Vec::new();
        }
        for (_, base) in scene.bases(scene.rounds) {
            let (mut events, mut next) = (Vec::new(), first);
            while next <= checkpoint.event_nonce {
                let Ok(found) = base.events(&scene.domain.bridge, next..=goal.last, goal.blocks.clone()).await else {
                    break;
                };
                let Some(last) = found.last() else { break };
                next = last.nonce.saturating_add(1);
                events.extend(found);
            }
            let hash = events.iter().fold(goal.before, |hash, found: &FoundEvent| {
                fold(&hash, found.nonce, found.event.kind, &found.event.payload)
            });
            if hash == goal.hash {
                return events;
            }
        }
        Vec::new()
    }

    /// Says what was found, and asks for a pause unless it is configured otherwise or minting is paused already.
    async fn raise_alarm(&mut self, scene: &Scene, facts: &Facts, finding: &Finding) {
        let text = format!(
            "two blocks of Base in a row, of which the last is {}, show what this chain never caused: {finding}; find out \
             who signed it, and have the guardian pause minting",
            facts.checkpoint.number
        );
        self.faults.raise_kind(Fault::EarlyAlarm, "early_alarm", text);
        if !self.settings.pause_on_alarm {
            return;
        }
        for (_, base) in scene.bases(scene.rounds) {
            if let Ok(now) = Bridge::new(base, scene.domain.bridge).pause_state().await {
                if now.paused_until != UNTIL_UNPAUSE {
                    self.desk.ask_for_pause(scene.domain.separator(), now.pause_nonce.saturating_add(1));
                }
                return;
            }
        }
    }
}

/// The events that the chain replays now, from the first one that was not applied.
fn goal(state: &Snapshot) -> Option<Goal> {
    goal_up_to(state, &inbound::replay(state)?.target)
}

/// The events up to a block that were not applied.
fn goal_up_to(state: &Snapshot, target: &Checkpoint) -> Option<Goal> {
    let (applied, deployed) = (applied(state), contract(state)?.deployed?);
    let from = attested(state).applied.map_or(deployed.deploy_block, |applied| applied.number);
    Some(Goal {
        first: applied.event_nonce.saturating_add(1),
        before: applied.rolling_hash,
        last: target.event_nonce,
        hash: target.rolling_hash,
        blocks: from.min(target.number)..=target.number,
    })
}
