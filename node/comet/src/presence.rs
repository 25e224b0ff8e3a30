//! The validators that take part in consensus now, as far as this node has heard.
//!
//! A vote of an earlier step shows only that its validator was present then: one that stops in the middle of a height
//! has voted in it. So only votes of the step in which consensus waits count, and of later ones.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::json;

use super::rpc::{Rpc, RpcError};

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two looks. A validator that is present votes within it, and where consensus stands still, its step
/// is the same after it.
const PAUSE: Duration = Duration::from_secs(1);

/// The validators from whom a vote of the present step or of a later one was heard.
pub(super) struct Heard {
    /// The height whose validator set the places are in.
    pub(super) height: u64,
    /// The places of the validators in the set.
    pub(super) places: BTreeSet<usize>,
}

/// Asks CometBFT twice: which step consensus is in, and a moment later who has voted there or in a later step.
///
/// # Errors
/// CometBFT does not answer.
pub(super) async fn heard(rpc: &Rpc) -> Result<Heard, RpcError> {
    let look = async || rpc.call::<ConsensusState>("consensus_state", json!({}), PATIENCE).await;
    let before = look().await?.round_state.step()?;
    tokio::time::sleep(PAUSE).await;
    let state = look().await?.round_state;
    let height = state.step()?.height;
    // A height that is new has a step of its own, in which all may be about to vote.
    let places = if height == before.height { state.voters(before.votes()) } else { BTreeSet::new() };
    Ok(Heard { height, places })
}

/// CometBFT's answer to `consensus_state`. For each vote of the height, in the order of the validators, it has a text
/// that begins with the validator's place and the first bytes of its address, or `nil-Vote`.
#[derive(Deserialize)]
struct ConsensusState {
    round_state: RoundState,
}

#[derive(Deserialize)]
struct RoundState {
    /// The text `height/round/step`.
    #[serde(rename = "height/round/step")]
    place: String,
    height_vote_set: Vec<RoundVotes>,
}

#[derive(Deserialize)]
struct RoundVotes {
    round: u32,
    prevotes: Vec<String>,
    precommits: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    height: u64,
    round: u32,
    /// The step in CometBFT's numbers: 3 waits for a proposal, 4 and 5 for prevotes, 6 and 7 for precommits.
    step: u8,
}

/// The kinds of votes of a round, in the order in which they are cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Prevote,
    Precommit,
}

impl Step {
    /// The round and kind of the votes that consensus waits for in this step; while it waits for a proposal, those that
    /// led there.
    const fn votes(self) -> (u32, Kind) {
        match (self.step, self.round.checked_sub(1)) {
            (6.., _) => (self.round, Kind::Precommit),
            (4 | 5, _) | (_, None) => (self.round, Kind::Prevote),
            (_, Some(before)) => (before, Kind::Precommit),
        }
    }
}

impl RoundState {
    fn step(&self) -> Result<Step, RpcError> {
        let step = || {
            let (height, rest) = self.place.split_once('/')?;
            let (round, step) = rest.split_once('/')?;
            Some(Step { height: height.parse().ok()?, round: round.parse().ok()?, step: step.parse().ok()? })
        };
        step().ok_or_else(|| RpcError::Garbled(format!("`{}` is no step of consensus", self.place)))
    }

    /// The places of those from whom there is a vote of this round and kind, or a later one.
    fn voters(&self, from: (u32, Kind)) -> BTreeSet<usize> {
        let of_round = |votes: &'_ RoundVotes| {
            [(Kind::Prevote, &votes.prevotes), (Kind::Precommit, &votes.precommits)]
                .into_iter()
                .filter(|(kind, _)| (votes.round, *kind) >= from)
                .flat_map(|(_, votes)| votes.iter().enumerate())
                .filter(|(_, vote)| *vote != "nil-Vote")
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        self.height_vote_set.iter().flat_map(of_round).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An answer of CometBFT 0.38.25, shortened: four validators in round 1, for whose prevotes consensus waits. The
    /// first voted in round 0 alone, the third has gone on to round 2, and the fourth is present.
    fn state(place: &str) -> RoundState {
        let vote = |place: u8, round: u8, kind: &str| {
            format!(
                "\"Vote{{{place}:4A2F1A2B3C4D 12/0{round}/SIGNED_MSG_TYPE_{kind} 000000000000 5E5E5E5E5E5E 000000000000 @ 2026-11-28T12:00:03Z}}\""
            )
        };
        let (nil, prevote, precommit) = ("\"nil-Vote\"", "PREVOTE(Prevote)", "PRECOMMIT(Precommit)");
        let (first, fourth, third) = (vote(0, 0, prevote), vote(3, 1, prevote), vote(2, 2, prevote));
        let early = vote(0, 0, precommit);
        let answer = format!(
            r#"{{"round_state": {{"height/round/step": "{place}", "start_time": "2026-11-28T12:00:00Z",
            "proposal_block_hash": "", "locked_block_hash": "", "valid_block_hash": "", "height_vote_set": [
            {{"round": 0, "prevotes": [{first}, {nil}, {nil}, {nil}], "prevotes_bit_array": "BA{{4:x___}} 10/40 = 0.25",
             "precommits": [{early}, {nil}, {nil}, {nil}], "precommits_bit_array": "BA{{4:x___}} 10/40 = 0.25"}},
            {{"round": 1, "prevotes": [{nil}, {nil}, {nil}, {fourth}], "prevotes_bit_array": "",
             "precommits": [{nil}, {nil}, {nil}, {nil}], "precommits_bit_array": ""}},
            {{"round": 2, "prevotes": [{nil}, {nil}, {third}, {nil}], "prevotes_bit_array": "",
             "precommits": [{nil}, {nil}, {nil}, {nil}], "precommits_bit_array": ""}}],
            "proposer": {{"address": "4A2F1A2B3C4D4A2F1A2B3C4D4A2F1A2B3C4D4A2F", "index": 1}}}}}}"#
        );
        serde_json::from_str::<ConsensusState>(&answer).unwrap().round_state
    }

    #[test]
    fn who_voted_in_an_earlier_step_only_is_not_there_any_more() {
        for (place, there) in [
            // The prevotes of round 1 count, and all later votes.
            ("12/1/4", &[2, 3][..]),
            ("12/1/5", &[2, 3]),
            // The precommits of round 1 count: the third went on, and the fourth has stopped in between.
            ("12/1/6", &[2]),
            // For the proposal of round 1 the precommits of round 0 count, by which it was reached.
            ("12/1/3", &[0, 2, 3]),
            ("12/0/3", &[0, 2, 3]),
            ("12/3/4", &[]),
        ] {
            let state = state(place);
            assert_eq!(state.voters(state.step().unwrap().votes()), there.iter().copied().collect(), "{place}");
        }
    }

    #[test]
    fn a_step_that_is_none_is_said() {
        for place in ["", "12/1", "12/1/x", "a/b/c"] {
            assert!(state(place).step().is_err(), "{place}");
        }
    }
}
