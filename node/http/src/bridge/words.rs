//! What the states of a transfer mean for a user: the reason, the next step and when it is expected.

use diem_api::{TransferState, base_time};
use diem_bridge::{
    QueueItem, inbound,
    sealing::NotSealing,
    standing::{InBatch, Standing, Waits},
};
use diem_core::{Denom, Time};

use crate::snapshot_reader::Reader;

const SECOND_MS: u64 = 1_000;

/// What is told of a transfer.
pub(super) struct Told {
    pub(super) state: TransferState,
    pub(super) reason: String,
    pub(super) next_step: String,
    pub(super) expected: Option<Time>,
}

/// What is told of transfer `id`.
pub(super) fn transfer(reader: &Reader, id: u64, standing: &Standing) -> Told {
    match standing {
        Standing::Waiting { before, until } => waiting(reader, id, *before, until),
        Standing::InBatch(batch) => in_batch(reader, batch),
        Standing::Queued { id, item } => {
            let (is_vetoed, waits) = queued(reader, *id, item);
            Told { state: if is_vetoed { TransferState::Vetoed } else { TransferState::Queued }, ..waits }
        }
        Standing::Executed { batch } => Told {
            state: TransferState::Executed,
            reason: format!("batch {batch} is executed on Base, and a part of it is queued there"),
            next_step: "the next events of Base tell which part".to_owned(),
            expected: None,
        },
    }
}

fn waiting(reader: &Reader, id: u64, before: u64, until: &Waits) -> Told {
    let params = diem_bridge::state::params(reader.snapshot());
    let ahead = match before {
        0 => "it is the next to go".to_owned(),
        1 => "1 transfer goes before it".to_owned(),
        more => format!("{more} transfers go before it"),
    };
    let cancel = format!("until it is sealed `diemd bridge cancel {id}` takes it back");
    let (reason, next_step, expected) = match until {
        Waits::Bridge(why) => {
            let (reason, expected) = not_sealing(*why);
            (reason, format!("it is sealed once that is over; {cancel}"), expected)
        }
        Waits::OpenBatches => (
            format!("{ahead}, and as many batches are open as may be, {}", params.max_open),
            format!("it is sealed once one of them is closed; {cancel}"),
            None,
        ),
        Waits::Sealing(time) => (ahead, format!("the next batch takes it; {cancel}"), Some(*time)),
        Waits::Room(until) => (
            format!(
                "{ahead}, and what goes to Base in a day, {}, leaves no room",
                params.out_capacity.display(Denom::Diem)
            ),
            match until {
                Some(_) => format!("it is sealed when there is room; {cancel}"),
                None => format!("it is more than ever finds room now; {cancel}"),
            },
            *until,
        ),
    };
    Told { state: TransferState::Waiting, reason, next_step, expected }
}

/// The reason for which no batch is sealed, and the end of it where one is known.
fn not_sealing(why: NotSealing) -> (String, Option<Time>) {
    match why {
        NotSealing::NotAtWork => ("the bridge is not at work yet".to_owned(), None),
        NotSealing::Halted => ("a breach has halted the bridge".to_owned(), None),
        NotSealing::Paused { until: diem_bridge::UNTIL_UNPAUSE } => {
            ("minting on Base is paused until the validators end it".to_owned(), None)
        }
        NotSealing::Paused { until } => {
            ("minting on Base is paused".to_owned(), Some(Time(until.saturating_mul(SECOND_MS))))
        }
        NotSealing::ClosedOnBase => ("minting on Base is closed: its capacity is 0".to_owned(), None),
    }
}

/// Whether the guardian has frozen an item of the queue on Base, and what is told of it.
pub(super) fn queued(reader: &Reader, id: u64, item: &QueueItem) -> (bool, Told) {
    let now = base_second(reader);
    let is_vetoed = item.vetoed_until > now;
    let ready_at = item.ready_at.max(item.vetoed_until);
    let release = format!("anybody has it minted with `diemd bridge release {id}`");
    let reason = if is_vetoed {
        format!("the guardian on Base has frozen item {id} of the queue, which happens once and for a time")
    } else {
        format!("it found no room on Base and waits there as item {id} of the queue")
    };
    let next_step = match (is_vetoed, ready_at <= now) {
        (_, true) => format!("{release}; its time has come"),
        (true, false) => format!("the validators release or cancel it, or the time passes and {release}"),
        (false, false) => format!("then {release}"),
    };
    let told = Told { state: TransferState::Queued, reason, next_step, expected: Some(base_time(ready_at)) };
    (is_vetoed, told)
}

/// The second of Base as far as the chain knows it, which is behind by what Base takes to be final.
pub(super) fn base_second(reader: &Reader) -> u64 {
    inbound::attested(reader.snapshot()).applied.map_or(0, |applied| applied.timestamp)
}

fn in_batch(reader: &Reader, batch: &InBatch) -> Told {
    let InBatch { nonce, signed, total, is_enough, .. } = *batch;
    let signatures = format!("{signed} of {total} power has signed batch {nonce}");
    if batch.deadline < reader.time().millis() / SECOND_MS {
        return Told {
            state: TransferState::Expired,
            reason: format!(
                "the time of batch {nonce} on Base is over; whether it was minted before is not attested yet"
            ),
            next_step: "if it was not, it is refunded with its fee once a later block of Base is completed".to_owned(),
            expected: None,
        };
    }
    if is_enough {
        return Told {
            state: TransferState::Signed,
            reason: signatures,
            next_step: format!("a relayer has it minted on Base; `diemd bridge relay {nonce}` does it yourself"),
            expected: None,
        };
    }
    Told {
        state: TransferState::Sealed,
        reason: signatures,
        next_step: "validators sign it, with more than 2/3 of the power; it cannot be cancelled any more".to_owned(),
        expected: None,
    }
}
