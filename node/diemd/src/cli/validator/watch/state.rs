//! The state of a validator as its watch tells it, and its changes.

use diem_api::ValidatorStanding;
use diem_cli::units::{date, show_percent};
use diem_core::{Address, Time};
use serde::Serialize;

use crate::cli::validator::look::ValidatorStatus;

/// The number of last blocks of which one that was missed makes a validator one that misses blocks. It is more than one, so
/// that who misses every other block is not well and ill in turns.
const MISSING: u64 = 10;
/// The number of blocks in a row that a validator that is away misses from one line to the next.
const STILL_MISSING: u32 = 10;

/// The state of a validator; all but the first are alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It signs the blocks.
    Ok,
    /// It missed one of the last blocks.
    Missing,
    /// It has just come into the set: no block has told yet whether it signs.
    New,
    /// Its stake is too little for the set.
    Waiting,
    /// It missed too many blocks.
    Jailed,
    /// It is out for ever.
    Out,
    /// The node is behind, or its chain stands: how the validator stands now is not known.
    Behind,
    /// The node does not answer.
    Down,
}

impl State {
    /// The state that a node shows which answers.
    pub(super) fn of(status: &ValidatorStatus, is_behind: bool) -> Self {
        let signing = &status.signing;
        let last_missed = signing.missed.last();
        match status.validator.standing {
            ValidatorStanding::Tombstoned => Self::Out,
            ValidatorStanding::Jailed => Self::Jailed,
            _ if is_behind => Self::Behind,
            ValidatorStanding::Waiting => Self::Waiting,
            ValidatorStanding::Active => match (signing.to, last_missed) {
                (None, _) => Self::New,
                (Some(to), Some(missed)) if missed.saturating_add(MISSING) > to => Self::Missing,
                (Some(_), _) => Self::Ok,
            },
        }
    }

    /// The name by which lines and commands are told of it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Jailed => "jailed",
            Self::Out => "out",
            Self::Behind => "behind",
            Self::Down => "down",
        }
    }
}

/// A change of state, or of a figure within one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// The time by the clock of this machine.
    pub(super) time: Time,
    pub(super) state: State,
    /// The state before. A watch begins as if all had been well.
    pub(super) was: State,
    /// The operator of the validator and the height that was seen last, if the node has answered at all.
    pub(super) operator: Option<Address>,
    pub(super) height: Option<u64>,
    /// The figures, or why nothing is known.
    pub(super) text: String,
}

impl Change {
    /// The change as a line for people.
    pub(super) fn line(&self) -> String {
        let was = if self.was == self.state { String::new() } else { format!(" (was {})", self.was.name()) };
        let height = self.height.map(|height| format!(" at height {height}")).unwrap_or_default();
        format!("{} {}{was}{height}: {}", date(self.time), self.state.name(), self.text)
    }
}

/// What a line is written for when it becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Figures {
    power: u64,
    commission: (u16, Option<u64>),
    bridge_key: (Address, Option<bool>),
    /// How long it has missed blocks in a row, counted in lines.
    missing: u32,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The present state; `None` before the first look.
    pub(super) state: Option<State>,
    /// What there is to say of it.
    pub(super) text: String,
    /// When it began, by the clock of this machine.
    pub(super) since: Time,
    figures: Option<Figures>,
}

impl Seen {
    /// Takes in what was seen now, and tells whether it is a change. `status` is what the node answered last, and `reason` why
    /// it is not to be relied on.
    pub(super) fn next(
        &mut self,
        state: State,
        status: Option<&ValidatorStatus>,
        reason: Option<String>,
        time: Time,
    ) -> Option<Change> {
        let figures = status.map(figures);
        let text = match (reason, status) {
            (Some(reason), _) => reason,
            (None, Some(status)) => text(status),
            (None, None) => String::new(),
        };
        let is_first = self.state.is_none();
        let was = self.state.unwrap_or(State::Ok);
        // Where the node does not answer, the figures are those of before.
        let is_change = is_first || state != was || (figures != self.figures && state != State::Down);
        if is_first || state != was {
            self.since = time;
        }
        (self.state, self.figures) = (Some(state), figures);
        self.text.clone_from(&text);
        is_change.then(|| Change {
            time,
            state,
            was,
            operator: status.map(|status| status.validator.operator),
            height: status.map(|status| status.height),
            text,
        })
    }
}

fn figures(status: &ValidatorStatus) -> Figures {
    let (validator, signing) = (&status.validator, &status.signing);
    let commission = &validator.commission;
    Figures {
        power: validator.power,
        commission: (commission.today_bps, commission.next.map(|next| next.epoch)),
        bridge_key: (validator.bridge_address, status.bridge_key_pending),
        missing: missed_in_a_row(signing.to, &signing.missed).div_ceil(STILL_MISSING),
    }
}

/// The number of blocks at the end that were all missed.
fn missed_in_a_row(to: Option<u64>, missed: &[u64]) -> u32 {
    let Some(to) = to else { return 0 };
    let row = missed.iter().rev().zip((0..=to).rev()).take_while(|(missed, height)| **missed == *height);
    u32::try_from(row.count()).unwrap_or(u32::MAX)
}

fn text(status: &ValidatorStatus) -> String {
    let validator = &status.validator;
    let commission = &validator.commission;
    let mut parts = vec![format!("missed {} of at most {}", validator.missed, validator.may_miss)];
    parts.extend(validator.jailed_until.as_ref().map(|until| format!("jailed until {}", date(until.time))));
    parts.push(format!("power {}", validator.power));
    parts.push(format!("commission {}", show_percent(commission.today_bps.into())));
    parts.extend(commission.next.map(|next| format!("{} from day {} on", show_percent(next.bps.into()), next.epoch)));
    if status.bridge_key_pending == Some(true) {
        parts.push("Base does not know its bridge key yet".into());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_missed_in_a_row_are_those_at_the_end() {
        for (to, missed, expected) in [
            (None, &[][..], 0),
            (Some(9), &[], 0),
            (Some(9), &[8], 0),
            (Some(9), &[9], 1),
            (Some(9), &[3, 7, 8, 9], 3),
            (Some(2), &[0, 1, 2], 3),
        ] {
            assert_eq!(missed_in_a_row(to, missed), expected, "{to:?} {missed:?}");
        }
    }

    #[test]
    fn a_watch_begins_as_if_all_had_been_well_and_tells_each_state_once() {
        let mut seen = Seen::default();
        let mut next = |state, reason: &str| seen.next(state, None, Some(reason.into()), Time(1_000));
        let down = next(State::Down, "no node answers");
        let told = down.as_ref().map(|change| (change.was, change.state, change.line()));
        let line = "1970-01-01T00:00:01Z down (was ok): no node answers".to_owned();
        assert_eq!(told, Some((State::Ok, State::Down, line)));
        assert_eq!(next(State::Down, "it still does not"), None);
        assert_eq!(next(State::Ok, "").map(|change| (change.was, change.state)), Some((State::Down, State::Ok)));
        assert_eq!(next(State::Ok, ""), None);
    }
}
