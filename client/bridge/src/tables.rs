//! Tables of the bridge, for people.

pub(crate) mod home;
pub(crate) mod supply;

use diem_api::{
    At, Bridge, BridgeContract, BridgeFee, BridgeStage, BridgeTransfer, Coin, List, SignedPower, TransferState,
};
use diem_bridge::Transfer;
use diem_cli::{
    names::Names,
    output::{fields, hint, list, plain},
    units,
};
use diem_core::{Amount, Denom};

use crate::{
    relay::Relayed,
    setup::DeployedContract,
    status::{BatchOnBase, BridgeStatus, ContractStatus, TransferStatus},
};

/// What the user should know before a transfer is signed.
pub(crate) fn before_sending(bridge: &At<Bridge>, mint: &Transfer, fee: Amount, costs: Option<&BridgeFee>) -> String {
    let diem = |amount: Amount| amount.display(Denom::Diem);
    let total = mint.amount.saturating_add(fee);
    let seal_wait = bridge.params.seal_wait_ms.div_ceil(1_000);
    let expected = if total > bridge.room.amount {
        "it waits: what goes to Base in a day leaves no room for it now".to_owned()
    } else {
        format!("with the next batch, within {seal_wait} s or so")
    };
    let mut lines = vec![
        ("recipient on Base", mint.recipient.to_hex()),
        ("it gets", format!("{} as nDIEM", diem(mint.amount))),
        ("fee", format!("{}, to whoever has it minted", diem(fee))),
    ];
    lines.extend(costs.map(|costs| ("relaying costs", relaying(costs))));
    lines.extend([
        ("together", diem(total)),
        ("room to Base now", bridge.room.display.clone()),
        ("sealed", expected),
        ("after that", "it cannot be cancelled after sealing; until then `diemd bridge cancel` takes it back".into()),
    ]);
    fields(lines)
}

/// What relaying a transfer costs, as the node's relayer saw it last: a fee below that may wait for long.
fn relaying(costs: &BridgeFee) -> String {
    let BridgeFee { fee, wei, seen_at, .. } = costs;
    let cost = fee.as_ref().map_or_else(|| format!("{wei} wei"), |fee| format!("about {}, {wei} wei", fee.display));
    format!("{cost} a transfer, seen by the node's relayer at {}", units::date(*seen_at))
}

pub(crate) const fn state(state: TransferState) -> &'static str {
    match state {
        TransferState::Waiting => "waiting",
        TransferState::Sealed => "sealed",
        TransferState::Signed => "signed",
        TransferState::Queued => "queued on Base",
        TransferState::Vetoed => "vetoed",
        TransferState::Expired => "expired",
        TransferState::Executed => "executed",
        TransferState::Minted => "minted",
        TransferState::Refunded => "refunded",
        TransferState::Cancelled => "cancelled",
    }
}

/// The state of a transfer whose batch was executed while something waits in the contract's queue.
pub(crate) fn queued(sum: &Coin) -> String {
    let sum = &sum.display;
    format!(
        "executed on Base, where {sum} wait in the queue, perhaps this transfer too: what is above the limits waits a day"
    )
}

pub(crate) fn transfer(TransferStatus { chain, on_base }: &TransferStatus, names: &Names) -> String {
    let BridgeTransfer { id, sender, recipient, amount, fee, since, .. } = &chain.answer;
    let seen = on_base.as_ref().map_or(&BatchOnBase::Open, |seen| &seen.batch);
    let minted = *seen != BatchOnBase::Open;
    let (now, next) = match seen {
        BatchOnBase::Open => (format!("{}: {}", state(chain.state), chain.reason), chain.next_step.clone()),
        BatchOnBase::Minted => ("minted, seen on Base".to_owned(), "nothing: the recipient has it".to_owned()),
        BatchOnBase::Queued { queued: sum } => {
            let next =
                "if the recipient has less than before and this together, wait: anybody may release it after a day";
            (queued(sum), next.to_owned())
        }
    };
    let mut lines = vec![
        ("transfer", id.to_string()),
        ("state", now),
        ("next step", next),
        ("from", names.who(sender)),
        ("to, on Base", recipient.to_hex()),
        ("it gets", amount.display.clone()),
        ("fee", fee.display.clone()),
        ("sent", units::moment(since)),
    ];
    if let Some(end) = &chain.end {
        lines.push(("over", format!("{}, at height {}", units::moment(&end.at), end.height)));
        lines.extend(end.batch.map(|batch| ("batch", batch.0.to_string())));
        lines.extend(end.returned.iter().map(|coin| ("went back", coin.display.clone())));
    }
    lines.extend(chain.expected.filter(|_| !minted).map(|moment| ("expected from", units::moment(&moment))));
    if let Some(batch) = &chain.batch {
        lines.push(("batch", batch.nonce.to_string()));
        lines.push(("sealed", units::moment(&batch.sealed_at)));
        lines.push(("can be minted until", units::date(batch.deadline)));
    }
    lines.extend(on_base.iter().map(|seen| ("recipient has, on Base", seen.balance.display.clone())));
    if on_base.is_none() && matches!(chain.state, TransferState::Signed | TransferState::Expired) {
        hint("whether it is minted is seen on Base: add --base-rpc URL");
    }
    fields(lines)
}

pub(crate) fn transfers(all: &List<BridgeTransfer>, names: &Names) -> String {
    if all.items.is_empty() {
        hint("no transfer to Base is on its way");
    }
    let row = |transfer: &BridgeTransfer| {
        [
            transfer.id.to_string(),
            names.who(&transfer.sender),
            transfer.recipient.to_hex(),
            transfer.amount.display.clone(),
            transfer.fee.display.clone(),
            state(transfer.state).to_owned(),
            transfer.batch.map(|batch| batch.nonce.to_string()).unwrap_or_default(),
        ]
    };
    list(["id", "from", "to", "amount", "fee", "state", "batch"], all.items.iter().map(row))
}

pub(crate) fn bridge(BridgeStatus { chain, on_base }: &BridgeStatus) -> String {
    let stage = match chain.stage {
        BridgeStage::Unprepared => "not prepared",
        BridgeStage::Prepared => "prepared, without a contract on Base",
        BridgeStage::Activated => "activated, without a signed validator set",
        BridgeStage::AtWork => "at work",
    };
    let mut lines = vec![("bridge", stage.to_owned())];
    lines.extend(chain.next_step.iter().map(|step| ("next step", plain(step).into_owned())));
    lines.extend(chain.notices.iter().map(|notice| ("notice", plain(notice).into_owned())));
    lines.extend(chain.contract.iter().flat_map(contract));
    let power = |SignedPower { signed, total, .. }: &SignedPower| format!("signed by {signed} of {total} power");
    lines.extend(
        chain
            .newest_set
            .iter()
            .map(|newest| ("newest validator set", format!("{}, {}", chain.issued.sets, power(newest)))),
    );
    lines.extend([
        ("waiting to be sealed", chain.waiting.display.clone()),
        ("in open batches", chain.sealed.display.clone()),
        ("open batches", format!("{} of at most {}", chain.open_batches, chain.params.max_open)),
        ("room to Base now", chain.room.display.clone()),
        ("transfers so far", chain.issued.transfers.to_string()),
    ]);
    lines.extend(home::followed(chain));
    lines.extend(on_base.iter().flat_map(seen));
    fields(lines)
}

fn contract(contract: &BridgeContract) -> Vec<(&'static str, String)> {
    let mut lines = vec![("chain id of Base", contract.base_chain_id.to_string())];
    if let Some(place) = &contract.deployed {
        lines.push(("bridge on Base", place.bridge.to_hex()));
        lines.push(("token on Base (nDIEM)", place.token.to_hex()));
    }
    lines
}

/// The end of a pause on Base, which lasts until this second of Base.
pub(crate) fn pause_end(second: u64) -> String {
    match second {
        diem_bridge::UNTIL_UNPAUSE => "until the validators end it".to_owned(),
        second => format!("until {}", units::date(diem_api::base_time(second))),
    }
}

fn seen(seen: &ContractStatus) -> Vec<(&'static str, String)> {
    let paused = if seen.paused_until == 0 { "no".to_owned() } else { pause_end(seen.paused_until) };
    let set = match (seen.active, seen.stale) {
        (_, true) => format!("{}, too old: nothing is minted until a newer one was proposed and has waited", seen.set),
        (false, _) => format!("{}, which mints nothing yet", seen.set),
        (true, false) => seen.set.to_string(),
    };
    vec![
        ("set on Base, seen", set),
        ("paused on Base, seen", paused),
        ("room to mint, seen", seen.room.display.clone()),
        ("nDIEM on Base, seen", seen.supply.display.clone()),
    ]
}

pub(crate) fn params(params: &diem_bridge::Params) -> String {
    let diem = |amount: Amount| Coin::diem(amount).display;
    let seconds = |ms: u64| format!("{ms} ms");
    fields([
        ("checkpoint_blocks", params.checkpoint_blocks.to_string()),
        ("seal_wait_ms", seconds(params.seal_wait_ms)),
        ("batch_life_ms", seconds(params.batch_life_ms)),
        ("min_out", diem(params.min_out)),
        ("min_fee", diem(params.min_fee)),
        ("max_open", params.max_open.to_string()),
        ("set_every_ms", seconds(params.set_every_ms)),
        ("set_gap_ms", seconds(params.set_gap_ms)),
        ("out_capacity", diem(params.out_capacity)),
        ("credit_capacity", diem(params.credit_capacity)),
        ("share_bps", units::show_percent(params.share_bps.into())),
        ("forgery_bps", units::show_percent(params.forgery_bps.into())),
        ("silence_jail_bps", params.silence_jail_bps.map_or("none".into(), |bps| units::show_percent(bps.into()))),
        ("authority", params.authority.to_string()),
    ])
}

pub(crate) fn relayed(relayed: &Relayed) -> String {
    let mut lines = vec![("batch", relayed.batch.to_string())];
    let result = if relayed.already_minted { "somebody had it minted before" } else { "succeeded: it is minted" };
    lines.push(("result", result.into()));
    lines.extend(relayed.set.map(|set| ("validator set sent", set.to_string())));
    lines.extend(relayed.transactions.iter().map(|hash| ("transaction on Base", format!("0x{hash}"))));
    fields(lines)
}

pub(crate) fn deployed(made: &DeployedContract) -> String {
    let mut lines = vec![
        ("bridge on Base", made.bridge.0.to_hex()),
        ("token on Base (nDIEM)", made.token.0.to_hex()),
        ("init code hash", made.init_code_hash.to_string()),
    ];
    match (&made.transaction, made.deploy_block) {
        (Some(hash), Some(block)) => {
            lines.push(("transaction on Base", format!("0x{hash}")));
            lines.push(("deploy block", block.to_string()));
            hint(&format!(
                "the authority goes on with `diemd bridge activate --init-code-hash {} --deploy-block {block}`",
                made.init_code_hash
            ));
        }
        _ => lines.push(("result", "it was there already; an explorer of Base shows the block".into())),
    }
    fields(lines)
}
