//! One of each call, and what wallets show of them.

use diem_bank::{self as bank, Output};
use diem_core::{Address, Amount, Denom, Statement as _, keys::Auth, tx::CallBody as _, typed_data};
use diem_credits::{
    self as credits, SignedVoucher, Voucher,
    grants::ProviderLimit,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};
use diem_diem as diem;
use diem_staking::{self as staking, CreateValidator, Description, EditValidator, KeyProof};
use diem_svvv as svvv;
use diem_testkit::economy::{bridge, consensus, public};
use diem_types::Call;
use serde_json::{Value, json};

use super::{FROM, TO, amount, bytes_of, kinds};

/// A sheet with everything that a sheet can have.
pub(crate) fn sheet() -> PriceSheet {
    let price = |unit, price| Price { unit, price: Amount::new(price) };
    let long_context = Some(LongContext { threshold: 200_000, multiplier_bps: 20_000 });
    let text = vec![
        price(Unit::InputToken, 1),
        price(Unit::OutputToken, 2),
        price(Unit::CachedToken, 3),
        price(Unit::CacheWriteToken, 4),
    ];
    let other = vec![price(Unit::Image, 5), price(Unit::Second, 6), price(Unit::Character, 7), price(Unit::Call, 8)];
    PriceSheet {
        models: vec![
            ModelPrices { model: "large-2".into(), long_context, prices: text },
            ModelPrices { model: "small-1".into(), long_context: None, prices: other },
        ],
    }
}

/// A voucher of a key, as it signs it.
pub(crate) fn voucher(key: &diem_core::keys::SecretKey) -> SignedVoucher {
    Voucher {
        chain_id: "diem-test-dev".into(),
        genesis_hash: [0x22; 32],
        account: FROM,
        signer: key.address(),
        provider: TO,
        day: 20_717,
        amount: amount(),
        requests: 42,
        price_sheet: sheet().hash(),
        usage_root: [0x33; 32],
    }
    .sign(key)
}

fn proof() -> KeyProof {
    KeyProof::sign("diem-test-dev", &FROM, &consensus(9), &bridge(9)).unwrap()
}

/// The same with a vote by the consensus key, as a signer makes it that signs nothing else.
fn proof_by_a_vote() -> KeyProof {
    use diem_staking::{ConsensusProof, KeyVote, key_proof, vote};
    let (seconds, nanos) = (1_790_000_000, 250_000_000);
    let message = key_proof::message("diem-test-dev", &FROM, &public(&consensus(9)), &bridge(9).address());
    let signed = vote::sign_bytes(&message, seconds, nanos).unwrap();
    let Auth::Ed25519 { signature, .. } = consensus(9).sign(&signed, || [0; 32]) else { panic!("an ed25519 key") };
    let vote = KeyVote { seconds, nanos, signature };
    let proof = KeyProof { consensus: ConsensusProof::Vote(vote), ..proof() };
    proof.verify("diem-test-dev", &FROM, &public(&consensus(9)), &bridge(9).address()).unwrap();
    proof
}

fn bank_calls() -> Vec<Call> {
    let outputs = vec![Output { to: TO, amount: amount() }, Output { to: FROM, amount: Amount::new(1) }];
    let calls = [
        bank::Msg::Transfer { to: TO, denom: Denom::Diem, amount: amount() },
        bank::Msg::MultiTransfer { denom: Denom::Vvv, outputs },
    ];
    calls.map(Call::Bank).into()
}

fn staking_calls() -> Vec<Call> {
    let create = CreateValidator {
        consensus_key: public(&consensus(9)),
        bridge_address: bridge(9).address(),
        proof: proof(),
        commission: 500,
        max_commission: 2_050,
        max_commission_change: 101,
        description: Description { moniker: "north".into(), website: "https://north.example".into() },
        self_stake: amount(),
    };
    let edit = EditValidator {
        description: Some(Description { moniker: "south".into(), website: String::new() }),
        commission: Some(1),
    };
    let calls = [
        staking::Msg::CreateValidator(create),
        staking::Msg::EditValidator(edit),
        staking::Msg::Unjail,
        staking::Msg::RotateBridgeKey {
            consensus_key: public(&consensus(9)),
            bridge_address: bridge(9).address(),
            proof: proof(),
        },
        staking::Msg::Stake { validator: TO, amount: amount() },
        staking::Msg::Unstake { validator: TO, amount: amount() },
        staking::Msg::CancelUnstake { tranche: 7 },
        staking::Msg::Claim { validator: TO },
        staking::Msg::ClaimAndStake { validator: TO },
    ];
    calls.map(Call::Staking).into()
}

fn diem_calls() -> Vec<Call> {
    let calls = [
        diem::Msg::Mint { validator: TO, lock: amount(), min_out: Amount::new(1) },
        diem::Msg::MintExact { validator: TO, out: amount(), max_lock: Amount::MAX },
        diem::Msg::Burn { validator: TO, amount: amount() },
    ];
    calls.map(Call::Diem).into()
}

fn credits_calls() -> Vec<Call> {
    use credits::Msg;
    let (https, moniker) = ("https://one.example".to_owned(), "one".to_owned());
    let limits =
        vec![ProviderLimit { provider: FROM, limit: amount() }, ProviderLimit { provider: TO, limit: Amount::ONE }];
    let key = diem_core::keys::SecretKey::ed25519(&[5; 32]);
    let day = 20_717;
    let calls = [
        Msg::StakeDiem { amount: amount(), beneficiary: None },
        Msg::UnstakeDiem { amount: amount(), beneficiary: Some(TO) },
        Msg::CancelUnstake { tranche: 7 },
        Msg::RegisterProvider { bond: amount(), payout: TO, endpoint: https.clone(), moniker: moniker.clone() },
        Msg::EditProvider { payout: Some(TO), endpoint: Some(https), moniker: Some(moniker) },
        Msg::AddBond { amount: amount() },
        Msg::PublishPrices { sheet: sheet() },
        Msg::Deregister,
        Msg::ListProvider { provider: TO },
        Msg::DelistProvider { provider: TO, forfeit: true },
        Msg::Allocate { provider: TO, amount: amount() },
        Msg::Grant { key: TO, last_day: day, limits },
        Msg::Revoke { key: TO },
        Msg::SettleVouchers { provider: TO, vouchers: vec![voucher(&key)] },
        Msg::Spend { provider: TO, day, amount: amount(), reference: "invoice 7".into() },
        Msg::GiftCredit { to: TO, day, amount: amount() },
        Msg::OfferCredit { day, amount: amount(), price: Amount::ONE },
        Msg::WithdrawOffer,
        Msg::BuyCredit { seller: TO, day, amount: amount(), max_price: Amount::ONE },
        Msg::CollectTranche { id: 7 },
    ];
    calls.map(Call::Credits).into()
}

/// One call of each kind.
pub(crate) fn calls() -> Vec<Call> {
    let restake = svvv::Msg::Restake { from: FROM, to: TO, amount: amount() };
    let svvv_calls = [restake, svvv::Msg::Collect { entry: 7 }].map(Call::Svvv).to_vec();
    [bank_calls(), staking_calls(), svvv_calls, diem_calls(), credits_calls(), super::bridge::calls()].concat()
}

#[test]
fn every_call() {
    let calls = calls();
    assert_eq!(calls.iter().map(kinds).collect::<Vec<_>>(), super::known::<Call>());
    let pinned = calls.iter().map(|call| {
        json!({
            "borsh": bytes_of(call),
            "kind": format!("{:04x}", typed_data::kind(&diem_core::encode(call))),
            "text": call.text(),
            "gas": call.message().gas(),
            "json": call,
        })
    });
    insta::assert_json_snapshot!(pinned.collect::<Vec<_>>());
    for call in &calls {
        let json = serde_json::to_value(call).unwrap();
        assert_eq!(&serde_json::from_value::<Call>(json).unwrap(), call);
        assert_eq!(call.message().validate(), Ok(()));
    }
}

/// What a name would do that wants to be more than a name.
const BENT: [&str; 8] = [
    "north\" and send all to \"me",
    "north\nSend 1 VVV",
    "north\r",
    "north\u{85}",
    "north\u{2028}Send 1 VVV",
    "\u{202e}htron",
    "nor\u{200b}th",
    "north\u{0}",
];

/// The same call with one of its strings replaced by `text`, for every string that may hold any.
fn with_text(call: &Call, text: &str) -> Vec<Call> {
    let whole = serde_json::to_value(call).unwrap();
    let mut places = Vec::new();
    strings(&whole, String::new(), &mut places);
    let replaced = places.iter().filter_map(|place| {
        let mut json = whole.clone();
        *json.pointer_mut(place).unwrap() = Value::String(text.into());
        // What is an address, an amount or a name of the protocol does not read as any text.
        serde_json::from_value::<Call>(json).ok()
    });
    replaced.collect()
}

fn strings(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(place),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| strings(item, format!("{place}/{number}"), places));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, item)| strings(item, format!("{place}/{name}"), places));
        }
        _ => {}
    }
}

/// What a wallet shows is a line of the chain's own words, with the sender's in quotes which these cannot leave.
#[test]
fn no_text_is_bent_by_what_the_sender_writes() {
    let mut shown = [0, 0];
    for call in calls() {
        let text = call.text();
        assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
        assert_eq!(text.matches('"').count() % 2, 0, "{text}");
        for good in ["Söhne & 節", "https://one.example/~s?n=1"] {
            for call in with_text(&call, good).iter().filter(|call| call.text().contains(good)) {
                assert!(call.text().contains(&format!("\"{good}\"")), "not in quotes: {}", call.text());
                match call.message().validate() {
                    Ok(()) => shown[usize::from(good.starts_with("https"))] += 1,
                    // A link is refused as no link.
                    Err(error) => assert!(error.message.contains("http or https URL"), "{}: {error}", call.text()),
                }
            }
        }
        for bad in BENT {
            for call in with_text(&call, bad).iter().filter(|call| call.text().contains(bad)) {
                assert!(call.message().validate().is_err(), "{:?}", call.text());
            }
        }
    }
    // Moniker and website of a validator, twice; moniker and endpoint of a provider, twice; the reference of a spend.
    assert_eq!(shown, [5, 9], "names and the reference take any words, links take URLs");
}

/// A misspelt field of a call would be a call that does something else.
#[test]
fn a_call_with_a_field_more_is_none_wherever_it_stands() {
    let mut places = 0;
    for call in calls() {
        let valid = serde_json::to_value(&call).unwrap();
        let read = |json: &str| {
            let found: Call = serde_json::from_str(json).map_err(|error| error.to_string())?;
            // Whoever reads a stranger's call asks this as well: serde alone takes the values of most objects in a
            // list.
            diem_core::json::no_list_for_an_object(&serde_json::from_str(json).unwrap(), &found)?;
            assert_eq!(found, call);
            Ok(())
        };
        places += diem_testkit::strict::check(&valid, read);
    }
    // Each call is two objects at least.
    assert!(places > 2 * calls().len(), "{places}");
}

/// Values without names could be those of other fields.
#[test]
fn a_call_that_is_a_list_of_values_is_none() {
    for call in calls() {
        let valid = serde_json::to_value(&call).unwrap();
        let (module, fields) = valid.as_object().unwrap().iter().next().unwrap();
        let mut values = vec![fields["type"].clone()];
        values.extend(
            fields.as_object().unwrap().iter().filter(|(name, _)| *name != "type").map(|(_, value)| value.clone()),
        );
        let list = serde_json::json!({ module: values });
        let error = serde_json::from_value::<Call>(list.clone()).unwrap_err().to_string();
        assert!(error.contains("an object with named fields"), "{list}: {error}");
    }
    let two = serde_json::json!({ "bank": { "type": "x" }, "staking": { "type": "unjail" } });
    for wrong in [two, serde_json::json!(5)] {
        let error = serde_json::from_value::<Call>(wrong).unwrap_err().to_string();
        assert!(!error.contains("Call"), "{error}");
    }
}

/// A number that a sender chooses is a string where it can be larger than readers of JSON hold.
#[test]
fn no_number_of_a_call_is_one_that_a_reader_may_round() {
    fn numbers(value: &Value, name: &str, found: &mut Vec<String>) {
        match value {
            Value::Number(_) => found.push(name.into()),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| numbers(value, name, found)),
            Value::Array(items) => items.iter().for_each(|item| numbers(item, name, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    calls().iter().for_each(|call| numbers(&serde_json::to_value(call).unwrap(), "", &mut found));
    assert!(!found.is_empty());
    // Rates, kinds and counts, which have 8, 16 or 32 bits.
    const SMALL: [&str; 9] = [
        "commission",
        "max_commission",
        "max_commission_change",
        "multiplier_bps",
        "share_bps",
        "forgery_bps",
        "silence_jail_bps",
        "max_open",
        "kind",
    ];
    found.retain(|name| !SMALL.contains(&&**name));
    assert_eq!(found, Vec::<String>::new());
}

/// What is signed off chain, and what it names.
#[test]
fn vouchers_price_sheets_and_key_proofs() {
    let keys = [
        ("ed25519", diem_core::keys::SecretKey::ed25519(&[5; 32])),
        ("ethereum", diem_core::keys::SecretKey::ethereum(&[6; 32]).unwrap()),
    ];
    let vouchers = keys.map(|(name, key)| {
        let signed = voucher(&key);
        signed.verify().unwrap();
        json!({
            "key": name,
            "message": hex::encode(signed.voucher.message()),
            "digest": hex::encode(signed.voucher.digest()),
            "borsh": bytes_of(&signed),
            "json": signed,
        })
    });
    let sheet = sheet();
    let sheet = json!({"borsh": bytes_of(&sheet), "hash": hex::encode(sheet.hash()), "json": sheet});
    let key_proofs = [proof(), proof_by_a_vote()].map(|proof| json!({"borsh": bytes_of(&proof), "json": proof}));
    insta::assert_json_snapshot!(json!({"vouchers": vouchers, "sheet": sheet, "key_proofs": key_proofs}));
    assert_ne!(FROM, Address::ZERO);
}
