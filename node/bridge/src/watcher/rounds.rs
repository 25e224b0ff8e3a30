//! One round of the watcher: what is asked, and what becomes of the answers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diem_base::{Base, BaseError, Facts, Survey};
use diem_bridge::{
    Checkpoint,
    attesting::{self, Bounds},
    inbound::{self, applied, attested},
    replay::{self, Missing},
    state::contract,
};
use diem_store::Snapshot;

use super::{
    Scene, Taken, Watcher,
    choose::{candidates, is_old_enough, missing_proofs},
    desk::Reorg,
    trail::{Goal, Search, TrailError},
};
use crate::faults::Fault;

/// The number of times that the proof of a block is asked for: it does not become younger.
const TRIES: u8 = 3;
/// The time after which each part of a round leaves the rest to the next one, so that no part holds up the others.
pub(super) const PART: Duration = Duration::from_secs(10);
/// The time within which an endpoint has to prove a block.
const PROOF_PATIENCE: Duration = Duration::from_secs(5);
/// The most young blocks whose hashes are asked for because their proofs are not confirmed.
const CONFIRMED_AT_ONCE: usize = 16;

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
        let unconfirmed = scene.taken.iter().rev().filter(|(_, taken)| !taken.is_confirmed);
        asked.extend(unconfirmed.map(|(number, _)| *number).take(CONFIRMED_AT_ONCE));
        let numbers: Vec<u64> = asked.into_iter().rev().collect();
        let survey = scene.quorum.survey(&numbers).await;
        self.report_finality(scene, &survey);
        // One that lies about its newest block must not lead the others astray.
        let Some(newest) = survey.latest().or_else(|| survey.newest()) else {
            self.report_refused(scene);
            return false;
        };
        self.notice_reorg(&survey, &own);
        self.confirm_proofs(scene, &survey);
        self.lay_finals(scene, &survey, &numbers, epoch);
        self.take_young_proofs(scene, state, &bounds, newest, &named).await;
        self.hand_on_events(scene, state).await;
        self.judge_young_blocks(scene, &survey).await;
        self.report_refused(scene);
        let lowest = recent.first().copied().unwrap_or(bounds.above);
        self.proofs.drop_below(lowest);
        scene.taken.retain(|number, _| *number >= lowest);
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
            "fewer than {needed} of the endpoints in `bridge.endpoints` answer and count, so that nothing is final and \
             nothing of Base is stated: mend them, or name others"
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

    /// Compares the proofs with the hashes on which enough endpoints agree. A proof proves itself only as far as its
    /// header, which anybody can make up above finality: it is dropped while the block is young, and whoever gave it rests,
    /// so that the others are asked for it in time.
    fn confirm_proofs(&mut self, scene: &mut Scene, survey: &Survey) {
        let mut replaced = Vec::new();
        for (number, taken) in scene.taken.iter_mut().filter(|(_, taken)| !taken.is_confirmed) {
            if let Some(agreed) = survey.agreed_hash(*number) {
                taken.is_confirmed = self.proofs.hash(*number) == Some(agreed);
                replaced.extend((!taken.is_confirmed).then_some(*number));
            }
        }
        replaced.into_iter().for_each(|number| self.drop_proof(scene, number));
    }

    /// Drops the proof of a block that the others do not have. Base may have replaced the block, or the endpoint has made
    /// it up; in both cases another endpoint is asked now.
    fn drop_proof(&mut self, scene: &mut Scene, number: u64) {
        self.proofs.drop(number);
        if let Some(taken) = scene.taken.remove(&number) {
            let reason = format!("it proved a block {number} that is not the one of the others");
            scene.quorum.rest(taken.place, reason);
        }
    }

    /// Lays down the blocks that are final, old enough, and proven by a proof of the same hash.
    fn lay_finals(&mut self, scene: &mut Scene, survey: &Survey, numbers: &[u64], epoch: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut finals: Vec<Checkpoint> = Vec::new();
        for number in numbers.iter().rev() {
            let (Some(hash), Some(kept)) = (survey.final_hash(*number), self.proofs.hash(*number)) else { continue };
            if hash != kept {
                self.drop_proof(scene, *number);
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
        let (mut reasons, began) = (Vec::new(), Instant::now());
        for number in missing {
            if began.elapsed() >= PART {
                break;
            }
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
            let asked = base.checkpoint_proof(&scene.domain.bridge, number);
            let Ok(answer) = tokio::time::timeout(PROOF_PATIENCE, asked).await else {
                let late = format!("it did not prove a block within {} s", PROOF_PATIENCE.as_secs());
                scene.quorum.rest(place, late.clone());
                reason = Some(late);
                continue;
            };
            match answer {
                Ok(Some((proof, facts))) => {
                    self.proofs.keep(&facts, &proof).map_err(|error| error.to_string())?;
                    scene.taken.insert(number, Taken { place, is_confirmed: false });
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
            // A search and its trail belong to their endpoint. If that one is gone, another begins anew.
            let searched = scene.search.as_ref().filter(|search| search.goal == goal).map(|search| search.place);
            let owner = scene.trail.as_ref().map(|trail| trail.place).or(searched);
            if owner.is_some_and(|owner| owner != place && scene.quorum.is_answering(owner)) {
                continue;
            }
            match self.hand_on(scene, (place, &base), &missing, &goal).await {
                Ok(()) => {
                    self.faults.clear(Fault::Events);
                    return;
                }
                Err(error) => {
                    (scene.search, scene.trail) = (None, None);
                    match &error {
                        TrailError::Logs(_) => scene.quorum.refuse(place, error.to_string()),
                        TrailError::Base(_) => scene.quorum.rest(place, error.to_string()),
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
        let (bridge, now) = (scene.domain.bridge, Instant::now());
        let until = now.checked_add(PART).unwrap_or(now);
        scene.trail = scene.trail.take().filter(|trail| trail.place == place);
        if scene.trail.is_none() {
            let found = scene.search.take().filter(|search| search.goal == *goal && search.place == place);
            let mut search = found.unwrap_or_else(|| Search::new(goal.clone(), place));
            scene.trail = search.go_on(base, &bridge, until).await?;
            scene.search = scene.trail.is_none().then_some(search);
        }
        let Some(trail) = &scene.trail else { return Ok(()) };
        for chunk in trail.chunks(base, &bridge, missing, until).await? {
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
}

/// The events that the chain replays now, from the first one that was not applied.
fn goal(state: &Snapshot) -> Option<Goal> {
    goal_up_to(state, &inbound::replay(state)?.target)
}

/// The events up to a block that were not applied.
pub(super) fn goal_up_to(state: &Snapshot, target: &Checkpoint) -> Option<Goal> {
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
