//! Tables of the way back: burns, credits and the queue on Base.

use diem_api::{At, Bridge, BridgeBurn, BridgeQueueItem, BurnKind, BurnState, Coin, List, QueueState, QueuedPart};
use diem_cli::{
    names::Names,
    output::{fields, hint, list, plain},
    units,
};
use diem_core::{Address, Amount, Denom};

use crate::{
    back::Burned,
    base::{SentOnBase, is_base},
    status::BurnSeen,
};

const WHOLE_BPS: u128 = 10_000;

/// What the user should know before something is burned.
pub(crate) fn before_burning(bridge: &At<Bridge>, sender: &Address, recipient: &Address, amount: Amount) -> String {
    let params = &bridge.params;
    let at_once = params.credit_capacity.get().saturating_mul(params.share_bps.into()).checked_div(WHOLE_BPS);
    let is_large = at_once.is_none_or(|at_once| amount.get() > at_once);
    let delay = if is_large || params.credit_capacity.is_zero() {
        "it waits a day after that, because it is more than what is paid at once"
    } else {
        "at once after that, or a day later where much came back of late"
    };
    let attested = if is_base(bridge.contract.as_ref().map_or(0, |contract| contract.base_chain_id)) {
        "when Base takes the block for final, some 15 to 25 minutes, and 2 minutes more"
    } else {
        "when the local Base takes the block for final, within seconds"
    };
    fields([
        ("burned on Base", amount.display(Denom::Diem)),
        ("from", sender.to_hex()),
        ("recipient here", format!("{recipient} ({})", recipient.to_hex())),
        ("it gets", amount.display(Denom::Diem)),
        ("attested", attested.to_owned()),
        ("paid", delay.to_owned()),
        ("after that", "what is burned cannot be taken back; whoever has the recipient's key here has it".to_owned()),
    ])
}

pub(crate) fn burned(burned: &Burned) -> String {
    let mut lines = vec![
        ("burned on Base", burned.amount.display.clone()),
        ("recipient here", burned.recipient.to_string()),
        ("event of Base", burned.event.to_string()),
        ("transaction on Base", format!("0x{}", burned.transaction)),
        ("block of Base", burned.block.to_string()),
    ];
    let paid = burned.credit.as_ref().and_then(|credit| credit.paid.as_ref().map(|paid| (credit.id, paid)));
    lines.extend(paid.map(|(id, paid)| {
        let since = burned.final_at_height.map_or_else(String::new, |height| {
            format!(", {} blocks after Base called its block final", paid.height.saturating_sub(height))
        });
        ("paid here", format!("credit {id}, at height {}{since}", paid.height))
    }));
    fields(lines)
}

pub(crate) fn sent(sent: &SentOnBase) -> String {
    let mut lines = vec![("done", sent.done.clone())];
    lines.extend(sent.transaction.map(|hash| ("transaction on Base", format!("0x{hash}"))));
    lines.extend(sent.block.map(|block| ("block of Base", block.to_string())));
    fields(lines)
}

pub(crate) const fn state(state: BurnState) -> &'static str {
    match state {
        BurnState::Attested => "attested",
        BurnState::Delayed => "delayed",
        BurnState::Held => "held",
        BurnState::Credited => "credited",
    }
}

const fn kind(kind: BurnKind) -> &'static str {
    match kind {
        BurnKind::Burn => "burn",
        BurnKind::Cancelled => "cancelled item",
        BurnKind::Surplus => "surplus",
    }
}

fn recipient(recipient: Option<&Address>, names: &Names) -> String {
    recipient.map_or_else(|| "the treasury".to_owned(), |address| names.who(address))
}

pub(crate) fn burn(burn: &BridgeBurn, names: &Names) -> String {
    let mut lines = vec![
        ("credit", burn.id.to_string()),
        ("state", format!("{}: {}", state(burn.state), plain(&burn.reason))),
        ("next step", plain(&burn.next_step).into_owned()),
        ("owed for", kind(burn.kind).to_owned()),
    ];
    lines.extend(burn.event.map(|event| ("event of Base", event.0.to_string())));
    lines.extend(burn.queue_id.map(|item| ("item of the queue on Base", item.0.to_string())));
    lines.extend(burn.sender.map(|sender| ("burned on Base by", sender.0.to_hex())));
    lines.push(("to", recipient(burn.recipient.as_ref(), names)));
    lines.push(("amount", burn.amount.display.clone()));
    lines.extend(burn.since.iter().map(|since| ("attested", units::moment(since))));
    lines.extend(burn.expected.iter().map(|moment| ("expected from", units::moment(moment))));
    lines.extend(
        burn.paid.iter().map(|paid| ("paid", format!("{}, at height {}", units::moment(&paid.at), paid.height))),
    );
    fields(lines)
}

/// What an endpoint shows of a burn that this chain does not know of yet.
pub(crate) fn burn_seen(seen: &BurnSeen) -> String {
    let (state, next) = match (seen.burned_in, seen.final_block) {
        (Some(block), Some(last)) if last >= block => {
            ("burned on Base in a final block, as the endpoint shows", "validators attest it within a few minutes")
        }
        (Some(_), _) if seen.is_local => (
            "burned on the local Base and not final yet, as the endpoint shows",
            "the local Base takes the block for final within seconds; then validators attest it",
        ),
        (Some(_), _) => (
            "burned on Base and not final yet, as the endpoint shows",
            "Base takes the block for final some 15 to 25 minutes after it was made; then validators attest it",
        ),
        (None, Some(_)) => (
            "neither this chain nor the endpoint knows of such an event",
            "compare the number with what `diemd bridge back` printed; if the burn is young, the endpoint may be behind: \
             ask again in a moment",
        ),
        (None, None) if seen.endpoint_named => (
            "this chain does not know of the event yet, and the endpoint did not show Base",
            "ask again with another --base-rpc; validators attest it once Base takes its block for final",
        ),
        (None, None) => (
            "this chain does not know of the event yet",
            "add --base-rpc URL to see it on Base; validators attest it once Base takes its block for final",
        ),
    };
    let mut lines =
        vec![("event of Base", seen.event.to_string()), ("state", state.to_owned()), ("next step", next.to_owned())];
    lines.extend(seen.burned_in.map(|block| ("block of Base", block.to_string())));
    lines.extend(seen.final_block.map(|block| ("final on Base, seen", block.to_string())));
    lines.extend(seen.attested.map(|block| ("attested here", block.to_string())));
    fields(lines)
}

pub(crate) fn burns(all: &List<BridgeBurn>, names: &Names) -> String {
    if all.items.is_empty() {
        hint("nothing is on its way back that the chain knows of");
    }
    let row = |burn: &BridgeBurn| {
        [
            burn.id.to_string(),
            kind(burn.kind).to_owned(),
            burn.event.map(|event| event.0.to_string()).unwrap_or_default(),
            recipient(burn.recipient.as_ref(), names),
            burn.amount.display.clone(),
            state(burn.state).to_owned(),
            burn.expected.as_ref().map(units::moment).unwrap_or_default(),
        ]
    };
    list(["id", "owed for", "event", "to", "amount", "state", "expected from"], all.items.iter().map(row))
}

const fn queue_state(state: QueueState) -> &'static str {
    match state {
        QueueState::Waiting => "waiting",
        QueueState::Ready => "ready",
        QueueState::Vetoed => "vetoed",
    }
}

fn part(item: &BridgeQueueItem) -> String {
    match (item.part, &item.transfer) {
        (QueuedPart::Transfer, Some(id)) => format!("transfer {}", id.0),
        (QueuedPart::Transfer, None) => "a transfer".to_owned(),
        (QueuedPart::Fee, _) => format!("the fee of batch {}", item.batch),
        (QueuedPart::Forged, _) => "never issued by this chain".to_owned(),
    }
}

pub(crate) fn item(item: &BridgeQueueItem) -> String {
    fields([
        ("item of the queue on Base", item.id.to_string()),
        ("it is", part(item)),
        ("amount", item.amount.display.clone()),
        ("state", format!("{}: {}", queue_state(item.state), plain(&item.reason))),
        ("next step", plain(&item.next_step).into_owned()),
        ("ready from", units::date(item.ready_at)),
    ])
}

pub(crate) fn queue(all: &List<BridgeQueueItem>) -> String {
    if all.items.is_empty() {
        hint("nothing waits on Base that the chain knows of");
    }
    let row = |item: &BridgeQueueItem| {
        let until = item.vetoed_until.unwrap_or(item.ready_at);
        [
            item.id.to_string(),
            part(item),
            item.amount.display.clone(),
            queue_state(item.state).to_owned(),
            units::date(until),
        ]
    };
    list(["item", "it is", "amount", "state", "ready from"], all.items.iter().map(row))
}

/// The books of the bridge and the blocks of Base that it has followed, as lines of its status.
pub(crate) fn followed(bridge: &Bridge) -> Vec<(&'static str, String)> {
    let amount = |coin: &Coin| (!coin.amount.is_zero()).then(|| coin.display.clone());
    let mut lines = Vec::new();
    let progress = &bridge.progress;
    lines.extend(
        progress
            .attested
            .iter()
            .map(|last| ("attested block of Base", format!("{}, of {}", last.number, units::date(last.time)))),
    );
    lines.extend(
        progress
            .completed
            .iter()
            .map(|last| ("completed block of Base", format!("{}, of {}", last.number, units::date(last.time)))),
    );
    lines.extend(progress.replay.iter().filter(|replay| replay.events > 0).map(|replay| {
        let missing = if replay.missing.is_some() { "; `diemd bridge replay` hands in the rest" } else { "" };
        ("events being replayed", format!("{} of {} are proven{missing}", replay.proven, replay.events))
    }));
    lines.push(("set on Base", bridge.base.set.nonce.to_string()));
    lines.push(("nDIEM on Base", bridge.base.supply.display.clone()));
    lines.push(("in escrow", bridge.books.escrow.display.clone()));
    lines.extend(amount(&bridge.books.queued).map(|text| ("queued on Base", text)));
    lines.extend(amount(&bridge.books.owed).map(|text| ("owed here", text)));
    lines.extend(amount(&bridge.books.uncovered).map(|text| ("uncovered", text)));
    lines.extend(bridge.halt.iter().map(|halt| ("what to do", plain(&halt.next_step).into_owned())));
    lines
}
