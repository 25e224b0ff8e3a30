#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;

/// Errors after which the same bytes never succeed, and what keeps them from it: (codespace, name, why).
const NEVER: &[(&str, &str, &str)] = &[
    ("chain", "malformed", "the bytes are no transaction"),
    ("chain", "too_large", "the bytes are too many"),
    ("chain", "reserved", "the kind is not in use"),
    ("chain", "limits", "more of something than a transaction may have"),
    ("chain", "fee_payer", "the signatures are not those that the transaction names"),
    ("chain", "bad_signature", "a signature fits its bytes or never does"),
    ("chain", "wrong_signer", "another key"),
    ("chain", "weak_key", "the key is no key"),
    ("chain", "high_s", "the signature has its second form"),
    ("chain", "wrong_chain_id", "this chain keeps its name"),
    ("chain", "wrong_genesis_hash", "this chain keeps its genesis"),
    ("chain", "expired", "heights only grow"),
    ("chain", "nonce_too_low", "a used nonce stays used"),
    ("chain", "gas_price_too_low", "the least price stands in the genesis"),
    ("chain", "max_fee_too_low", "gas and price are a function of the bytes"),
    ("chain", "block_gas", "the bound of a block stands in the genesis"),
    ("bank", "zero_amount", "it is in the call"),
    ("bank", "zero_address", "it is in the call"),
    ("bank", "outputs", "it is in the call"),
    ("bank", "math", "no supply makes such a sum fit"),
    ("bank", "not_allowed", "rights are in the code"),
    ("bank", "params", "bounds are in the code"),
    ("staking", "already_validator", "an operator stays one"),
    ("staking", "consensus_key_used", "a key belongs to one validator for ever"),
    ("staking", "bridge_key_used", "a key belongs to one validator for ever"),
    ("staking", "key_proof", "a proof fits chain, operator and keys or never does"),
    ("staking", "zero_amount", "it is in the call"),
    ("staking", "commission", "the call, or a promise for ever, contradicts it"),
    ("staking", "description", "it is in the call"),
    ("staking", "self_stake", "amount and least stake are both fixed"),
    ("staking", "tombstoned", "out is out for ever"),
    ("staking", "worthless", "shares worth nothing cannot leave, so it stays so"),
    ("staking", "unknown_tranche", "a number that is gone never comes back"),
    ("staking", "same_validator", "it is in the call"),
    ("staking", "math", "no supply makes such a sum fit"),
    ("staking", "params", "bounds are in the code"),
    ("staking", "genesis", "only a genesis meets it"),
    ("staking", "amount_too_small", "the least amount is fixed"),
    ("staking", "unknown_entry", "a number that is gone never comes back"),
    ("staking", "blank_moniker", "it is in the call"),
    ("staking", "website", "it is in the call"),
    ("svvv", "zero_amount", "it is in the call"),
    ("svvv", "math", "no supply makes such a sum fit"),
    ("svvv", "genesis", "only a genesis meets it"),
    ("diem", "zero_amount", "it is in the call"),
    ("diem", "curve", "only a genesis meets it"),
    ("diem", "unlocked", "only a genesis meets it"),
    ("emissions", "segments", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "order", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "per_year", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "past", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "fee", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "math", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "carry", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "ahead", "only a genesis meets it, and the chain's own steps"),
    ("emissions", "late", "only a genesis meets it, and the chain's own steps"),
    ("credits", "math", "no supply makes such a sum fit"),
    ("credits", "zero_amount", "it is in the call"),
    ("credits", "zero_address", "it is in the call"),
    ("credits", "dust", "the least amount is fixed"),
    ("credits", "no_tranche", "a number that is gone never comes back"),
    ("credits", "already_provider", "a provider's row stays for ever"),
    ("credits", "provider_left", "who left stays gone"),
    ("credits", "text", "it is in the call"),
    ("credits", "prices", "it is in the call"),
    ("credits", "not_authority", "the authority stands in the genesis"),
    ("credits", "limits", "it is in the call"),
    ("credits", "own_key", "it is in the call"),
    ("credits", "grant_expired", "a day that is over stays over"),
    ("credits", "not_today", "a day that is over stays over; one to come is to be signed when it is there"),
    ("credits", "to_oneself", "it is in the call"),
    ("credits", "reference", "it is in the call"),
    ("credits", "vouchers", "it is in the call"),
    ("credits", "voucher_chain", "this chain keeps its name"),
    ("credits", "voucher_provider", "it is in the voucher"),
    ("credits", "voucher_day", "a day that is settled stays so"),
    ("credits", "voucher_signature", "a signature fits its bytes or never does"),
    ("credits", "voucher_below", "what was paid of a day only grows"),
    ("credits", "param", "bounds are in the code"),
    ("credits", "genesis", "only a genesis meets it"),
    ("credits", "zero_price", "it is in the call"),
    ("credits", "voucher_requests", "it is in the voucher"),
    ("credits", "blank_moniker", "it is in the call"),
    ("credits", "endpoint", "it is in the call"),
    ("http", "unknown_path", "routes are in the code"),
    ("http", "method", "routes are in the code"),
    ("http", "bad_request", "it is in the request"),
    ("http", "body_too_large", "it is in the request"),
    ("http", "pruned", "what was deleted stays so"),
    ("http", "media_type", "it is in the request"),
    ("http", "refused", "the command does not fit the chain as it is"),
    ("http", "reverted", "the branch that the cursor names is gone"),
    ("http", "wrong_host", "it is in the request"),
    ("http", "uri_too_long", "it is in the request"),
    ("http", "head_too_large", "it is in the request"),
    ("bridge", "malformed", "the bytes are no such thing"),
    ("bridge", "set_members", "it is in the bytes"),
    ("bridge", "set_order", "it is in the bytes"),
    ("bridge", "set_power", "it is in the bytes"),
    ("bridge", "set_total", "it is in the bytes"),
    ("bridge", "list_length", "it is in the bytes"),
    ("bridge", "list_bits", "it is in the bytes"),
    ("bridge", "list_signer", "another key"),
    ("bridge", "high_s", "the signature has its second form"),
    ("bridge", "no_signer", "a signature fits its bytes or never does"),
    ("bridge", "transfers", "it is in the bytes"),
    ("bridge", "event_kind", "it is in the bytes"),
    ("bridge", "event_length", "it is in the bytes"),
    ("bridge", "event_value", "it is in the bytes"),
    ("bridge", "payload_size", "it is in the call"),
    ("bridge", "chunk_events", "it is in the call"),
    ("bridge", "chunk_nonces", "it is in the call"),
    ("bridge", "votes_size", "it is in the bytes"),
    ("bridge", "votes_statements", "it is in the bytes"),
    ("bridge", "votes_empty", "it is in the bytes"),
    ("bridge", "votes_order", "it is in the bytes"),
    ("bridge", "extension_size", "it is in the bytes"),
    ("bridge", "extension_statements", "it is in the bytes"),
    ("bridge", "submitted", "it is in the call"),
    ("bridge", "slot", "it is in the bytes"),
    ("bridge", "params", "bounds are in the code, or in the contract"),
    ("bridge", "at_work", "the contract stays"),
    ("bridge", "terms", "it is in the call"),
    ("bridge", "recipient_is_nobody", "nobody has a key of it"),
    ("bridge", "recipient_has_no_key", "nobody has a key of it"),
    ("bridge", "fee_too_large", "it is in the call and in the transfer"),
    ("bridge", "fee_not_raised", "fees only rise"),
    ("bridge", "not_yours", "a transfer keeps its sender"),
    ("bridge", "sealed", "what is sealed is final"),
    ("bridge", "stated", "a statement stays"),
    ("bridge", "math", "no supply makes such a sum fit"),
    ("bridge", "import", "a genesis is what it is"),
    ("bridge", "issued", "what was issued stays"),
    ("bridge", "evidence_too_old", "time only passes"),
    ("bridge", "convicted", "it counts once"),
    ("bridge", "votes_duplicate", "it is in the bytes"),
    ("bridge", "votes_place", "a block is what it is"),
    ("bridge", "votes_twice", "a block is what it is"),
    ("bridge", "other_content", "what was issued stays"),
    ("bridge", "breach_for_good", "only an upgrade heals it"),
    ("bridge", "chunk_hash", "what is attested stays"),
    ("bridge", "held_before", "a credit is held once"),
    ("bridge", "batch_forgotten", "what was dropped never comes back"),
];

/// Errors after which the same bytes may succeed, as long as they are in no block, and what can bring that about.
const LATER: &[(&str, &str, &str)] = &[
    ("chain", "nonce_too_high", "the nonces before it come"),
    ("chain", "nonce_taken", "what waits in its place may fall out"),
    ("chain", "insufficient_fee_funds", "the payer may be paid"),
    ("chain", "not_started", "the first block comes"),
    ("chain", "insufficient_call_funds", "the sender may be paid"),
    ("chain", "no_account", "the sender may be paid"),
    ("chain", "state_full", "rows go"),
    ("bank", "insufficient_funds", "the payer may be paid"),
    ("bank", "pool_too_small", "a pool fills"),
    ("bank", "new_account", "another may pay the receiver first"),
    ("staking", "unknown_validator", "somebody may become one there"),
    ("staking", "commission_change", "tomorrow it is measured from another rate"),
    ("staking", "not_free", "moved stake and locks become free"),
    ("staking", "too_many_entries", "entries are paid"),
    ("staking", "pending_slash", "slashes are processed"),
    ("staking", "not_jailed", "it may be jailed"),
    ("staking", "still_jailed", "the time passes"),
    ("staking", "nothing_to_claim", "rewards come with every block"),
    ("staking", "below_min_stake", "the position may grow by another stake"),
    ("staking", "free_too_small", "a burn opens the lock beside it"),
    ("staking", "would_leave_dust", "the position may grow"),
    ("staking", "not_due", "the time passes"),
    ("svvv", "outstanding", "the lock may grow"),
    ("diem", "nothing", "the rate falls when DIEM is burned"),
    ("diem", "below_minimum", "the rate falls when DIEM is burned"),
    ("diem", "above_maximum", "the rate falls when DIEM is burned"),
    ("diem", "past_end", "burned DIEM makes room"),
    ("diem", "too_little_stake", "the stake may grow"),
    ("credits", "no_position", "DIEM may be staked there"),
    ("credits", "more_than_staked", "the position may grow"),
    ("credits", "too_many_tranches", "tranches are paid"),
    ("credits", "no_provider", "it may register"),
    ("credits", "bond_too_small", "the bond may grow before it is listed"),
    ("credits", "already_listed", "it may be delisted"),
    ("credits", "not_listed", "it may be listed"),
    ("credits", "no_allocation", "it may be allocated"),
    ("credits", "too_many_allocations", "one that ended today is gone tomorrow"),
    ("credits", "too_little_credit", "credit may be given or bought, and comes anew"),
    ("credits", "insufficient_credit", "credit may be given or bought, and comes anew"),
    ("credits", "too_many_keys", "one that was revoked today is gone tomorrow"),
    ("credits", "no_grant", "it may be granted"),
    ("credits", "no_offer", "it may be offered"),
    ("credits", "more_than_offered", "more may be offered"),
    ("credits", "price", "it may be offered for less"),
    ("credits", "no_day", "a day to come has its record then"),
    ("credits", "not_due", "the time passes"),
    ("credits", "position_too_small", "the position may grow by another stake"),
    ("credits", "would_leave_dust", "the position may grow"),
    ("credits", "too_many_sheets", "they are counted a day"),
    ("credits", "new_credit", "another may give the first credit"),
    ("credits", "too_many_models", "what changed today is over tomorrow"),
    ("credits", "too_many_limits", "one that was cut today is gone tomorrow"),
    ("http", "not_found", "what is asked for may come"),
    ("http", "not_ready", "the node gets ready"),
    ("http", "fee_unknown", "the relayer sends a batch"),
    ("http", "busy", "others are served"),
    ("http", "engine", "the engine may answer again"),
    ("http", "pool", "the pool empties"),
    ("http", "internal", "a fault of ours need not come again"),
    ("http", "rate_limited", "what a client may take comes back"),
    ("http", "timeout", "the request may arrive faster"),
    ("bridge", "not_authority", "the authority may change"),
    ("bridge", "unprepared", "the authority may prepare it"),
    ("bridge", "inactive", "the contract may become known"),
    ("bridge", "unbonding_too_short", "staking's parameters may change"),
    ("bridge", "amount_too_small", "the authority may change the bound"),
    ("bridge", "amount_too_large", "the authority may change the bound"),
    ("bridge", "fee_too_small", "the authority may change the bound"),
    ("bridge", "escrow_bound", "DIEM comes back, and stake grows"),
    ("bridge", "unknown_transfer", "ids are given one after the other"),
    ("bridge", "unwanted", "it may be issued"),
    ("bridge", "not_a_signer", "the key may come into a set"),
    ("bridge", "unknown_nonce", "it may be issued"),
    ("bridge", "not_halted", "it may halt"),
    ("bridge", "nothing_uncovered", "after a breach something may lack"),
    ("bridge", "closed", "the authority may open it"),
    ("bridge", "too_many_wait", "blocks take them in"),
    ("bridge", "halted", "the authority may resume it"),
    ("bridge", "replaying", "the events are applied"),
    ("bridge", "not_replaying", "a block of Base may be attested"),
    ("bridge", "chunk_place", "the frontier moves down to it"),
    ("bridge", "cover_amount", "more may lack after another breach"),
    ("bridge", "not_delayed", "it may find no room"),
];

/// `retry` speaks of the same bytes: with each error stands why.
#[test]
fn every_error_says_whether_the_same_bytes_may_succeed_later_and_this_is_why() {
    let reasoned = |list: &'static [(&'static str, &'static str, &'static str)], retry| {
        list.iter().map(move |(codespace, name, why)| {
            assert!(!why.is_empty());
            (codespace.to_string(), name.to_string(), retry)
        })
    };
    let all: Vec<_> = reasoned(NEVER, false).chain(reasoned(LATER, true)).collect();
    let reasons: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(reasons.len(), all.len(), "an error stands here twice");
    let table: BTreeSet<_> = error_table().into_iter().map(|line| (line.codespace, line.name, line.retry)).collect();
    let differing: Vec<_> = table.symmetric_difference(&reasons).collect();
    assert!(differing.is_empty(), "the table and the reasons differ: {differing:#?}");
}

#[test]
fn the_table_is_complete_and_without_doubles() {
    let table = error_table();
    for (i, line) in table.iter().enumerate() {
        let same = |other: &ErrorLine| {
            other.codespace == line.codespace && (other.code == line.code || other.name == line.name)
        };
        assert_eq!(table.iter().position(same), Some(i), "{} {}", line.codespace, line.name);
        assert!((400..600).contains(&line.http), "{line:?}");
    }
    assert!(["http", "chain", "bank"].iter().all(|space| table.iter().any(|line| line.codespace == *space)));
}

#[test]
fn an_error_takes_name_status_and_retry_from_the_table() {
    let error = ErrorBody::from(&HttpError::Pruned("height 3 is gone".into()));
    assert_eq!((error.name.as_str(), error.http_status(), error.retry), ("pruned", 410, false));
    let error = ErrorBody::new("chain", 14, String::new());
    assert_eq!((error.name.as_str(), error.http_status(), error.retry), ("nonce_too_high", 409, true));
    let error = ErrorBody::new("nobody", 1, String::new());
    assert_eq!((error.name.as_str(), error.http_status(), error.retry), ("unknown", 500, false));
}

/// What the table says holds until a block has the transaction: there it used its nonce, whatever it failed for.
#[test]
fn what_failed_in_a_block_never_succeeds_again() {
    for line in error_table() {
        let error = ErrorBody::new(&line.codespace, line.code, String::new());
        assert_eq!((error.retry, error.of_committed().retry), (line.retry, false), "{}", line.name);
    }
}
