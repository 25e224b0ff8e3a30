//! Tables of the API's answers, for people.

use diem_api::{
    Account, Block, BlockSummary, ErrorLine, Holdings, List, Params, Peer, Proof, Status, Supply, Transaction, TxView,
    Validator,
};
use diem_core::{Amount, Denom, encoding::HexBytes};

use super::{
    clock, events,
    names::Names,
    output::{fields, hint, list, quoted},
    proven::VerifiedAnswer,
    units::show_percent,
};

pub(super) fn status(status: &Status) -> String {
    if let Some(doubt) = clock::doubt(status) {
        hint(&doubt);
    }
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
    let name = quoted(&status.moniker);
    let engine = status
        .trouble
        .as_ref()
        .map_or_else(|| status.engine.clone(), |trouble| format!("{}: {trouble}", status.engine));
    fields([
        ("chain", status.chain_id.clone()),
        ("genesis hash", status.genesis_hash.to_string()),
        ("node", format!("{name} (diemd {}, state version {})", status.version, status.app_version)),
        ("engine", engine),
        ("height", or_none(status.latest.map(|head| head.height.to_string()))),
        ("time", or_none(status.latest.map(|head| head.time.to_string()))),
        ("state root", or_none(status.latest.map(|head| head.root.to_string()))),
        ("oldest state", or_none(status.oldest_state_height.map(|height| height.to_string()))),
        ("catching up", status.catching_up.map_or("unknown".into(), |yes| if yes { "yes" } else { "no" }.into())),
        ("peers", or_none(status.peers.map(|peers| peers.to_string()))),
        ("node id", or_none(status.peer.as_ref().map(own_peer))),
    ])
}

/// The peer as it is written into another node's `comet.peers`, where the address is known.
fn own_peer(peer: &Peer) -> String {
    match &peer.address {
        Some(address) => format!("{}@{address}", peer.id),
        None => format!("{}, at port {}", peer.id, peer.port),
    }
}

fn owned_lines(owned: &Holdings) -> [(&'static str, String); 7] {
    [
        ("staked", format!("{}, {} of it locked", owned.staked.display, owned.locked.display)),
        ("opened by burning", owned.diem_outstanding.display.clone()),
        ("rewards to claim", owned.rewards.display.clone()),
        ("on its way out", format!("{}, {}", owned.unstaking.display, owned.diem_unstaking.display)),
        ("DIEM staked", owned.diem_staked.display.clone()),
        ("credit today", format!("{}, {} of it free", owned.credit_today.display, owned.credit_free.display)),
        ("credit tomorrow", owned.credit_tomorrow.display.clone()),
    ]
}

/// The table of an account with everything that it owns; `name` is how the user called it.
pub(super) fn account(VerifiedAnswer { answer, verified }: &VerifiedAnswer<Account>, name: &str) -> String {
    let mut lines = vec![
        ("address", answer.address.to_string()),
        ("hex", answer.hex.clone()),
        ("VVV", answer.vvv.display.clone()),
        ("DIEM", answer.diem.display.clone()),
        ("nonce", nonce(answer)),
    ];
    lines.extend(answer.holdings.iter().flat_map(owned_lines));
    lines.push(("at height", answer.height.to_string()));
    lines.extend(verified.as_ref().map(|proven| ("verified", proven.words())));
    if verified.is_some() {
        hint("VVV, DIEM and nonce are proven; the rest is what the node says");
    }
    let Some(owned) = &answer.holdings else {
        hint("it owns more than one answer sums: ask for positions, locks, unstaking and diem-stakes");
        return fields(lines);
    };
    let has = |amount: Amount| !amount.is_zero();
    let further = [
        ("positions", has(owned.staked.amount)),
        ("locks", has(owned.locked.amount)),
        ("unstaking", has(owned.unstaking.amount)),
        ("rewards", has(owned.rewards.amount)),
        ("diem-stakes", has(owned.diem_staked.amount)),
        ("unstaking-diem", has(owned.diem_unstaking.amount)),
        ("credit", has(owned.credit_today.amount) || has(owned.credit_tomorrow.amount)),
    ];
    let further: Vec<&str> = further.into_iter().filter(|(_, has)| *has).map(|(what, _)| what).collect();
    if !further.is_empty() {
        hint(&format!("more with `diemd query WHAT {name}`, where WHAT is one of {}", further.join(", ")));
    }
    fields(lines)
}

/// The nonce of an account, and the next one where its transactions wait.
fn nonce(account: &Account) -> String {
    let next = account.nonce_to_send();
    match next.checked_sub(account.nonce) {
        None | Some(0) => account.nonce.to_string(),
        Some(waiting) => format!("{}, {next} after the {waiting} that wait in the pool", account.nonce),
    }
}

pub(super) fn proof(VerifiedAnswer { answer, verified }: &VerifiedAnswer<Proof>) -> String {
    let mut lines = vec![
        ("key", answer.key.to_string()),
        ("value", answer.value.as_ref().map_or("none".into(), HexBytes::to_string)),
        ("after height", answer.state_height.to_string()),
        ("proof", format!("{} bytes of ICS23", answer.proof.0.len())),
        ("header", format!("{} bytes, height {}", answer.signed_header.0.len(), answer.state_height.saturating_add(1))),
    ];
    lines.extend(verified.as_ref().map(|proven| ("verified", proven.words())));
    fields(lines)
}

pub(super) fn tx(tx: &Transaction, names: &Names) -> String {
    let result = match &tx.result.error {
        None => "succeeded".into(),
        Some(error) => names.text(&format!("failed: {error}")),
    };
    let mut lines = vec![
        ("hash", tx.hash.to_string()),
        ("block", format!("{} (number {} in it), {}", tx.height, tx.index, tx.time)),
        ("result", result),
        ("fee", format!("{} ({} of {} gas)", tx.result.fee.display, tx.result.gas_used, tx.result.gas_wanted)),
    ];
    match &tx.tx {
        Some(view) => {
            lines.push(("sender", format!("{}, nonce {}", names.who(&view.sender), view.nonce)));
            lines.extend(view.fee_payer.map(|payer| ("fee payer", names.who(&payer))));
            lines.extend(view.calls.iter().map(|call| ("call", names.text(&call.text))));
            lines.extend((!view.memo.is_empty()).then(|| ("memo", view.memo.clone())));
        }
        None if tx.statements.is_none() => lines.push(("bytes", "no transaction".into())),
        None => lines.push(("sender", "none: the proposer put the statements of validators here".into())),
    }
    let stated = tx.statements.iter().flat_map(|stated| &stated.statements);
    lines.extend(stated.map(|statement| ("statement", names.text(&statement.text))));
    lines.extend(events::lines(&tx.result.events).iter().map(|line| ("what happened", names.text(line))));
    fields(lines)
}

pub(super) fn block(block: &Block, names: &Names) -> String {
    let summary = &block.summary;
    let mut lines = vec![
        ("height", summary.height.to_string()),
        ("time", summary.time.to_string()),
        ("hash", summary.hash.to_string()),
        ("state root", summary.root.to_string()),
        ("proposer", summary.proposer.to_string()),
        ("transactions", summary.tx_count.to_string()),
        ("gas used", summary.gas_used.to_string()),
    ];
    lines.extend(events::lines(&block.events).iter().map(|line| ("block event", names.text(line))));
    let head = fields(lines);
    if block.txs.items.is_empty() {
        return head;
    }
    let row = |tx: &Transaction| {
        let calls = tx.tx.iter().flat_map(|tx| &tx.calls).map(|call| names.text(&call.text));
        let result = if tx.result.ok { "ok" } else { "failed" };
        let stated =
            tx.statements.iter().map(|stated| format!("statements of validators: {}", stated.statements.len()));
        let what = calls.chain(stated).collect::<Vec<_>>().join("; ");
        [tx.index.to_string(), tx.hash.to_string(), result.into(), what]
    };
    if let Some(next) = &block.txs.next {
        hint(&format!("more transactions: `diemd query block {} --after {next}`", summary.height));
    }
    format!("{head}\n\n{}", list(["number", "transaction", "result", "calls"], block.txs.items.iter().map(row)))
}

pub(super) fn blocks(page: &List<BlockSummary>) -> String {
    let rows = page.items.iter().map(|block| {
        [block.height.to_string(), block.time.to_string(), block.tx_count.to_string(), block.hash.to_string()]
    });
    if let Some(next) = &page.next {
        hint(&format!("older blocks: `diemd query blocks --after {next}`"));
    }
    list(["height", "time", "txs", "hash"], rows)
}

pub(super) fn supply(supply: &Supply) -> String {
    let all = fields([
        ("VVV", supply.vvv.display.clone()),
        ("of genesis", supply.genesis.display.clone()),
        ("emitted", supply.emitted.display.clone()),
        ("burned", supply.burned.display.clone()),
        ("DIEM", supply.diem.display.clone()),
        ("at height", supply.height.to_string()),
    ]);
    let pools = supply.pools.iter();
    let rows = pools.map(|pool| [pool.name.clone(), pool.vvv.display.clone(), pool.diem.display.clone()]);
    format!("{all}\n\n{}", list(["pool", "VVV", "DIEM"], rows))
}

pub(super) fn consensus(set: &List<Validator>) -> String {
    let rows = set.items.iter().map(|validator| {
        [validator.address.to_string(), validator.power.to_string(), validator.public_key.to_string()]
    });
    list(["address", "power", "public key"], rows)
}

pub(super) fn params(params: &Params) -> String {
    let (gas, limits) = (&params.gas, &params.limits);
    let (staking, credits) = (&params.staking, &params.credits);
    fields([
        ("length of a day", duration(params.epoch_ms)),
        ("lowest gas price", format!("{} avvv", gas.min_price.get())),
        ("gas of a transaction", gas.per_tx.to_string()),
        ("gas of a byte", gas.per_byte.to_string()),
        ("gas of a signature", gas.per_signature.to_string()),
        ("gas of a block, at most", gas.block_limit.to_string()),
        ("least first payment to an address", first_payment(&params.bank.min_new_account)),
        ("rows of the state, at most", params.chain.max_rows.to_string()),
        ("bytes of a transaction, at most", limits.max_tx_bytes.to_string()),
        ("calls of a transaction, at most", limits.max_calls.to_string()),
        ("bytes of a memo, at most", limits.max_memo_bytes.to_string()),
        ("unstaked VVV is paid after", duration(staking.unbonding_ms)),
        ("validators, at most", staking.max_validators.to_string()),
        ("own stake of a validator, at least", staking.min_self_stake.display(Denom::Vvv)),
        ("stake with a validator, at least", staking.min_stake.display(Denom::Vvv)),
        ("two votes in one round cost", show_percent(staking.equivocation_bps.into())),
        ("too many missed blocks cost", show_percent(staking.downtime_bps.into())),
        (
            "blocks to sign, at least",
            format!("{} of the last {}", show_percent(staking.min_signed_bps.into()), staking.signed_window),
        ),
        ("who missed more is jailed for", duration(staking.jail_ms)),
        ("locked stake pays as rent", show_percent(params.emissions.fee_bps.into())),
        ("of rent nobody earned, to stakers", show_percent(credits.stakers_bps.into())),
        ("unstaked DIEM is paid after", duration(credits.cooldown_ms)),
        ("a closed day takes vouchers for", duration(credits.grace_ms)),
        ("bond of a provider, at least", credits.min_bond.display(Denom::Vvv)),
        ("bond of a leaver is paid after", duration(credits.provider_unbonding_ms)),
        ("who lists providers", credits.authority.to_string()),
    ])
}

/// The least first payment of each denomination: one of them is enough.
fn first_payment(least: &diem_bank::MinNewAccount) -> String {
    Denom::ALL.map(|denom| least.of(denom).display(denom)).join(" or ")
}

/// Formats milliseconds in the largest unit that divides them.
fn duration(millis: u64) -> String {
    let units = [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)];
    let whole = |(name, length): (&str, u64)| {
        let count = millis.checked_div(length).filter(|count| *count > 0 && millis.checked_rem(length) == Some(0))?;
        Some(format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    };
    units.into_iter().find_map(whole).unwrap_or_else(|| format!("{millis} ms"))
}

pub(super) fn errors(lines: &[ErrorLine]) -> String {
    let rows = lines.iter().map(|line| {
        let retry = if line.retry { "yes" } else { "no" };
        [line.codespace.clone(), line.code.to_string(), line.name.clone(), line.http.to_string(), retry.into()]
    });
    list(["codespace", "code", "name", "http", "retry"], rows)
}

/// The table of a transaction that is in no block yet; `fee` is what it costs, `signatures` says whether those in the
/// file are valid.
pub(super) fn draft(
    view: &TxView,
    names: &Names,
    fee: Option<String>,
    signatures: Option<&Result<(), String>>,
) -> String {
    let mut lines = vec![
        ("chain", view.chain_id.clone()),
        ("genesis", view.genesis_hash.to_string()),
        ("sender", format!("{}, nonce {}", names.who(&view.sender), view.nonce)),
    ];
    lines.extend(view.calls.iter().map(|call| ("call", names.text(&call.text))));
    lines.extend((!view.memo.is_empty()).then(|| ("memo", view.memo.clone())));
    lines.extend(view.fee_payer.map(|payer| ("fee payer", names.who(&payer))));
    // For most transactions the fee is also the most that it can be.
    let most = fee.as_ref().filter(|fee| fee.starts_with(&format!("{} (", view.max_fee.display)));
    let most = most.is_none().then(|| ("fee at most", view.max_fee.display.clone()));
    lines.extend(fee.clone().map(|fee| ("fee", fee)).into_iter().chain(most));
    lines.push(("valid until", format!("height {}", view.expiry)));
    match signatures {
        Some(Ok(())) => lines.push(("signatures", "good".into())),
        Some(Err(error)) => lines.push(("signatures", error.clone())),
        None => {}
    }
    fields(lines)
}
