//! A call in the words of the model.

use diem_bank::Msg as Bank;
use diem_core::{Amount, Denom, Statement as _};
use diem_credits::{Msg as Credits, SignedVoucher};
use diem_diem::Msg as Diem;
use diem_staking::Msg as Staking;
use diem_svvv::Msg as Svvv;
use diem_types::Call;
use serde_json::{Value, json};

use super::scene::Scene;

fn digits(amount: &Amount) -> String {
    amount.get().to_string()
}

/// The name and the arguments of a call in a history of the model.
pub(crate) fn translate(scene: &Scene, call: &Call) -> (&'static str, Value) {
    match call {
        Call::Bank(msg) => bank(scene, msg),
        Call::Staking(msg) => staking(scene, msg),
        Call::Svvv(Svvv::Restake { from, to, amount }) => {
            ("restake", json!({"source": scene.name(from), "to": scene.name(to), "amount": digits(amount)}))
        }
        Call::Svvv(Svvv::Collect { entry }) => ("collect", json!({"entry": entry})),
        Call::Diem(msg) => diem(scene, msg),
        Call::Credits(msg) => credits(scene, msg),
        #[allow(unreachable_patterns, reason = "a new module can be without a model")]
        other => panic!("the model knows no {other:?}"),
    }
}

fn bank(scene: &Scene, msg: &Bank) -> (&'static str, Value) {
    let Bank::Transfer { to, denom, amount } = msg else { panic!("a history holds no {msg:?}") };
    let denom = match denom {
        Denom::Vvv => "vvv",
        Denom::Diem => "diem",
    };
    ("transfer", json!({"to": scene.name(to), "denom": denom, "amount": digits(amount)}))
}

fn staking(scene: &Scene, msg: &Staking) -> (&'static str, Value) {
    match msg {
        Staking::Stake { validator, amount } => {
            ("stake", json!({"validator": scene.name(validator), "amount": digits(amount)}))
        }
        Staking::Unstake { validator, amount } => {
            ("unstake", json!({"validator": scene.name(validator), "amount": digits(amount)}))
        }
        Staking::CancelUnstake { tranche } => ("cancel_unstake", json!({"tranche": tranche})),
        Staking::Claim { validator } => ("claim", json!({"validator": scene.name(validator)})),
        Staking::ClaimAndStake { validator } => ("claim_and_stake", json!({"validator": scene.name(validator)})),
        Staking::EditValidator(edit) => ("edit_commission", json!({"bps": edit.commission.unwrap()})),
        _ => panic!("a history holds no {msg:?}"),
    }
}

fn diem(scene: &Scene, msg: &Diem) -> (&'static str, Value) {
    match msg {
        Diem::Mint { validator, lock, min_out } => {
            ("mint", json!({"validator": scene.name(validator), "lock": digits(lock), "min_out": digits(min_out)}))
        }
        Diem::MintExact { validator, out, max_lock } => (
            "mint_exact",
            json!({"validator": scene.name(validator), "out": digits(out), "max_lock": digits(max_lock)}),
        ),
        Diem::Burn { validator, amount } => {
            ("burn", json!({"validator": scene.name(validator), "amount": digits(amount)}))
        }
    }
}

fn credits(scene: &Scene, msg: &Credits) -> (&'static str, Value) {
    let of = |beneficiary: &Option<_>| beneficiary.as_ref().map(|address| scene.name(address));
    match msg {
        Credits::StakeDiem { amount, beneficiary } => {
            ("stake_diem", json!({"amount": digits(amount), "beneficiary": of(beneficiary)}))
        }
        Credits::UnstakeDiem { amount, beneficiary } => {
            ("unstake_diem", json!({"amount": digits(amount), "beneficiary": of(beneficiary)}))
        }
        Credits::CancelUnstake { tranche } => ("cancel_diem", json!({"tranche": tranche})),
        Credits::CollectTranche { id } => ("collect_tranche", json!({"id": id})),
        Credits::RegisterProvider { bond, payout, .. } => {
            ("register", json!({"payout": scene.name(payout), "bond": digits(bond)}))
        }
        Credits::AddBond { amount } => ("add_bond", json!({"amount": digits(amount)})),
        Credits::Deregister => ("deregister", json!({})),
        Credits::ListProvider { provider } => ("list", json!({"provider": scene.name(provider)})),
        Credits::DelistProvider { provider, forfeit } => {
            ("delist", json!({"provider": scene.name(provider), "forfeit": forfeit}))
        }
        Credits::Allocate { provider, amount } => {
            ("allocate", json!({"provider": scene.name(provider), "amount": digits(amount)}))
        }
        Credits::Grant { key, last_day, limits } => {
            let limits: serde_json::Map<String, Value> =
                limits.iter().map(|limit| (scene.name(&limit.provider), digits(&limit.limit).into())).collect();
            ("grant", json!({"key": scene.name(key), "last_day": last_day, "limits": limits}))
        }
        Credits::Revoke { key } => ("revoke", json!({"key": scene.name(key)})),
        Credits::SettleVouchers { provider, vouchers } => {
            let vouchers: Vec<Value> = vouchers.iter().map(|signed| voucher(scene, signed)).collect();
            ("settle", json!({"provider": scene.name(provider), "vouchers": vouchers}))
        }
        Credits::Spend { provider, day, amount, .. } => {
            ("spend", json!({"provider": scene.name(provider), "day": day, "amount": digits(amount)}))
        }
        Credits::GiftCredit { to, day, amount } => {
            ("gift", json!({"to": scene.name(to), "day": day, "amount": digits(amount)}))
        }
        Credits::OfferCredit { day, amount, price } => {
            ("offer", json!({"day": day, "amount": digits(amount), "price": digits(price)}))
        }
        Credits::WithdrawOffer => ("withdraw_offer", json!({})),
        Credits::BuyCredit { seller, day, amount, max_price } => {
            let (seller, amount, price) = (scene.name(seller), digits(amount), digits(max_price));
            ("buy", json!({"seller": seller, "day": day, "amount": amount, "max_price": price}))
        }
        Credits::EditProvider { payout: Some(payout), .. } => ("set_payout", json!({"payout": scene.name(payout)})),
        Credits::EditProvider { .. } | Credits::PublishPrices { .. } => panic!("a history holds no {msg:?}"),
    }
}

/// The model believes what it is told of signatures, and knows one chain only.
fn voucher(scene: &Scene, signed: &SignedVoucher) -> Value {
    let voucher = &signed.voucher;
    let of_this_chain = voucher.chain_id == scene.doc.chain_id && voucher.genesis_hash == scene.doc.hash();
    json!({
        "account": scene.name(&voucher.account),
        "signer": scene.name(&voucher.signer),
        "provider": scene.name(&voucher.provider),
        "day": voucher.day,
        "cumulative": digits(&voucher.amount),
        "requests": voucher.requests,
        "good": of_this_chain && signed.verify().is_ok(),
    })
}
