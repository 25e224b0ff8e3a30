//! The judgement of young blocks, and the early alarm.

use std::time::Instant;

use diem_base::{Bridge, Facts, FoundEvent, Survey};
use diem_bridge::{MAX_EVENTS, UNTIL_UNPAUSE, fold, inbound::applied};
use diem_engine::engine::EngineStatus;
use diem_store::Snapshot;

use super::{
    Scene, Watcher,
    alarm::{Finding, judge},
    rounds::{PART, goal_up_to},
};
use crate::faults::Fault;

/// The most events that are judged with a young block. Of more, only the supply is.
const JUDGED_EVENTS: u64 = 5 * MAX_EVENTS as u64;
/// The number of pauses above the last attested one up to which an endpoint's word of the next is signed.
const PAUSES_AHEAD: u64 = 4;

impl Watcher {
    /// Judges young blocks by a state that is newer than they are, while this node follows its own chain.
    pub(super) async fn judge_young_blocks(&mut self, scene: &mut Scene, survey: &Survey) {
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
        let began = Instant::now();
        for (_, base) in scene.bases(scene.rounds) {
            let (mut events, mut next) = (Vec::new(), first);
            while next <= checkpoint.event_nonce && began.elapsed() < PART {
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
        let known = applied(&self.app.store().latest()).pause_nonce;
        let mut states = Vec::new();
        for (_, base) in scene.bases(scene.rounds) {
            states.extend(Bridge::new(base, scene.domain.bridge).pause_state().await);
        }
        let paused = states.iter().filter(|now| now.paused_until == UNTIL_UNPAUSE).count();
        if paused >= scene.quorum.needed() {
            return;
        }
        // One endpoint alone may neither hold the pause up nor choose its number freely.
        let next = states.iter().map(|now| now.pause_nonce.saturating_add(1));
        let mut next: Vec<u64> = next.filter(|next| (1..=PAUSES_AHEAD).contains(&next.saturating_sub(known))).collect();
        next.sort_unstable();
        let middle = next.len().checked_div(2).and_then(|middle| next.get(middle));
        let nonce = middle.copied().unwrap_or_else(|| known.saturating_add(1));
        self.desk.ask_for_pause(scene.domain.separator(), nonce);
    }
}
