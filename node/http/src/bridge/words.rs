//! What the bridge's states mean for a user: the reason, the next step and when it is expected.

use diem_api::{BridgeStage, SignedPower, TransferState};
use diem_bridge::{
    Params, QueueItem,
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

/// What has to happen until the bridge is at work.
pub(super) fn next_step(stage: BridgeStage, newest: Option<&SignedPower>) -> Option<String> {
    Some(match stage {
        BridgeStage::Unprepared => {
            "the authority fixes what the contract is made with: `diemd bridge prepare`".to_owned()
        }
        BridgeStage::Prepared => "anybody creates the contract on Base with `diemd bridge deploy`, then the authority \
                                  names it with `diemd bridge activate`"
            .to_owned(),
        BridgeStage::Activated => {
            let signed = newest.map_or_else(String::new, |SignedPower { signed, total, .. }| {
                format!(": {signed} of {total} power has signed")
            });
            format!("validators sign a set for the contract, more than 2/3 of the power of set 0{signed}")
        }
        BridgeStage::AtWork => return None,
    })
}

/// What holds the bridge up while it is at work, and what works all the same.
pub(super) fn notices(stage: BridgeStage, params: &Params, open: u32) -> Vec<String> {
    let mut notices = Vec::new();
    if stage != BridgeStage::AtWork {
        return notices;
    }
    if params.out_capacity.is_zero() {
        notices.push(
            "the way to Base is closed, because its capacity is 0: no transfer is taken; waiting ones can be cancelled"
                .to_owned(),
        );
    }
    if open >= params.max_open {
        notices.push(format!(
            "as many batches are open as may be, {open}: transfers are taken and wait, and can be cancelled; open ones can \
             still be relayed, and stay open until the chain follows Base, so a devnet is started anew"
        ));
    }
    notices
}

/// What is told of transfer `id`.
pub(super) fn transfer(reader: &Reader, id: u64, standing: &Standing) -> Told {
    match standing {
        Standing::Waiting { before, until } => waiting(reader, id, *before, until),
        Standing::InBatch(batch) => in_batch(reader, batch),
        Standing::Queued { id, item } => queued(*id, item),
        Standing::Executed { batch } => Told {
            state: TransferState::Signed,
            reason: format!("batch {batch} is executed on Base, and a part of it is queued there"),
            next_step: "the next events of Base tell which".to_owned(),
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

fn queued(id: u64, item: &QueueItem) -> Told {
    let is_vetoed = item.vetoed_until > item.ready_at;
    let ready_at = item.ready_at.max(item.vetoed_until);
    let (state, reason) = if is_vetoed {
        (TransferState::Vetoed, format!("the guardian on Base has frozen item {id} of the queue, once and for a time"))
    } else {
        (TransferState::Queued, format!("it found no room on Base and waits there as item {id} of the queue"))
    };
    Told {
        state,
        reason,
        next_step: format!("then anybody has it minted with `diemd bridge release {id}`"),
        expected: Some(Time(ready_at.saturating_mul(SECOND_MS))),
    }
}

fn in_batch(reader: &Reader, batch: &InBatch) -> Told {
    let InBatch { nonce, signed, total, is_enough, .. } = *batch;
    let signatures = format!("{signed} of {total} power has signed batch {nonce}");
    if batch.deadline < reader.time().millis() / SECOND_MS {
        return Told {
            state: TransferState::Expired,
            reason: format!("batch {nonce} cannot be minted any more, if it was not before; Base shows whether it was"),
            next_step: "what was not minted is refunded once the chain follows Base".to_owned(),
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
