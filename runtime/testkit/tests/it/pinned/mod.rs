//! Bytes that other people's software, old blocks and old databases rely on. If one of these snapshots changes, a
//! running chain breaks: change it on purpose, with a new storage or app version, or not at all.

mod bridge;
mod calls;
mod events;
mod queries;
mod rows;
mod wire;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{Msg, Output, Pool};
use diem_core::{Address, Amount, Denom, Module, tx::MAX_CALLS, typed_data};
use diem_runtime::Options;
use diem_testkit::{TestChain, TxBuilder, story};
use diem_types::{APP_VERSION, Call, ERRORS, Signed};
use serde_json::{Value, json};

pub(crate) const FROM: Address = Address([1; 20]);
pub(crate) const TO: Address = Address([0xab; 20]);

pub(crate) fn bytes_of(value: &impl BorshSerialize) -> String {
    hex::encode(borsh::to_vec(value).unwrap())
}

pub(crate) fn amount() -> Amount {
    Amount::new(1_500_000_000_000_000_000)
}

/// The numbers of a value of an enum of modules: the module's and its own.
pub(crate) fn kinds(value: &impl BorshSerialize) -> [u8; 2] {
    let bytes = borsh::to_vec(value).unwrap();
    [bytes[0], bytes[1]]
}

/// All that there are, in order: whatever decodes, or would with more bytes.
pub(crate) fn known<T: BorshDeserialize>() -> Vec<[u8; 2]> {
    let all = (0..=u8::MAX).flat_map(|module| (0..=u8::MAX).map(move |number| [module, number]));
    let exists = |kinds: &[u8; 2]| match T::try_from_slice(kinds) {
        Ok(_) => true,
        Err(error) => !error.to_string().starts_with("Unexpected variant tag"),
    };
    all.filter(exists).collect()
}

#[test]
fn an_unknown_number_is_told_from_a_known_one() {
    // A transfer goes on with any byte of an address, one to many with the number of a denomination.
    assert_eq!(known::<diem_bank::Msg>().len(), 256 + Denom::ALL.len());
    assert!(known::<Call>().contains(&[1, 1]) && !known::<Call>().contains(&[1, 2]));
    assert!(!known::<Call>().iter().any(|kinds| kinds[0] == diem_emissions::Emissions::ID.0));
}

#[test]
fn numbers() {
    fn module<M: Module>() -> Value {
        json!({"id": M::ID.0, "name": M::NAME, "storage_version": M::STORAGE_VERSION})
    }
    let errors = ERRORS.iter().flat_map(|(codespace, table)| {
        let line = move |info: &diem_core::ErrorInfo| {
            let retry = if info.retry { " retry" } else { "" };
            format!("{codespace} {} {} {:?}{retry}", info.code, info.name, info.kind)
        };
        table.iter().map(line)
    });
    let pinned = json!({
        "app_version": APP_VERSION,
        "modules": [
            module::<diem_bank::Bank>(),
            module::<diem_staking::Staking>(),
            module::<diem_svvv::Svvv>(),
            module::<diem_diem::Diem>(),
            module::<diem_emissions::Emissions>(),
            module::<diem_credits::Credits>(),
            module::<diem_bridge::Bridge>(),
        ],
        "errors": errors.collect::<Vec<_>>(),
        "denominations": Denom::ALL.map(|denom| json!([denom as u8, denom.symbol()])),
        "pools": Pool::ALL.map(|pool| json!([pool as u8, format!("{pool:?}")])),
        "max_tx_bytes": diem_core::tx::MAX_TX_BYTES,
        "max_calls": diem_core::tx::MAX_CALLS,
        "max_memo_bytes": diem_core::tx::MAX_MEMO_BYTES,
        "max_chain_id_bytes": diem_core::tx::MAX_CHAIN_ID_BYTES,
        "max_outputs": diem_bank::msg::MAX_OUTPUTS,
        "max_vouchers": diem_credits::vouchers::MAX_VOUCHERS,
        "max_allocations": diem_credits::allocations::MAX_ALLOCATIONS,
        "max_allocation_rows": diem_credits::allocations::MAX_ROWS,
        "max_keys": diem_credits::grants::MAX_KEYS,
        "max_limits": diem_credits::grants::MAX_LIMITS,
        "max_diem_tranches": diem_credits::stake::MAX_TRANCHES,
        "min_diem_stake": diem_credits::stake::MIN_STAKE,
        "min_allowance": diem_credits::accounts::MIN_ALLOWANCE,
        "max_vvv_entries": diem_staking::leaving::MAX_ENTRIES,
        "min_new_credit": diem_credits::accounts::MIN_NEW_CREDIT,
        "min_new_account": diem_bank::Params::default(),
        "chain": diem_types::ChainParams::default(),
        "max_validators": diem_staking::params::MAX_VALIDATORS,
        "max_curve_steps": diem_diem::curve::MAX_STEPS,
        "max_vote_extension_bytes": diem_runtime::MAX_VOTE_EXTENSION_BYTES,
        "max_statements": diem_bridge::MAX_STATEMENTS,
        "max_submitted": diem_bridge::MAX_SUBMITTED,
        "max_votes_bytes": diem_bridge::MAX_VOTES_BYTES,
        "max_batch": diem_bridge::sealing::SEALED_AT_ONCE,
    });
    insta::assert_json_snapshot!(pinned);
}

/// The transactions of the tests below: every kind of key, call and payer.
pub(crate) fn transactions(chain: &TestChain) -> Vec<(String, TxBuilder)> {
    let people = &chain.people;
    let transfer = |from: usize| TxBuilder::transfer(&chain.doc, &people[from], 0, TO, amount());
    let odd = transfer(2).with(|tx| {
        tx.memo = "für das Brot".into();
        tx.expiry = 1_000;
    });
    let outputs =
        vec![Output { to: TO, amount: amount() }, Output { to: FROM, amount: diem_bank::MinNewAccount::default().vvv }];
    let multi = Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs });
    let mut transactions = vec![
        ("ed25519".to_owned(), transfer(0)),
        ("ethereum".to_owned(), odd),
        ("paid by another".to_owned(), transfer(1).paid_by(&people[2])),
        ("two outputs".to_owned(), TxBuilder::new(&chain.doc, &people[3], 0, vec![multi])),
    ];
    for (number, calls) in (1..).zip(calls::calls().chunks(MAX_CALLS)) {
        transactions.push((
            format!("every call, part {number}"),
            TxBuilder::new(&chain.doc, &people[3], number, calls.to_vec()),
        ));
    }
    transactions
}

#[test]
fn transactions_signatures_and_hashes() {
    let chain = TestChain::fresh();
    let pinned = transactions(&chain).into_iter().map(|(name, builder)| {
        let bytes = builder.bytes();
        let signed = Signed::decode(&bytes).unwrap();
        json!({
            "name": name,
            "bytes": hex::encode(&bytes),
            "sign_message": hex::encode(signed.message()),
            "eip712_digest": hex::encode(typed_data::digest(&signed.tx)),
            "hash": hex::encode(signed.hash),
            "gas": chain.doc.app.gas.gas(&signed),
        })
    });
    insta::assert_json_snapshot!(pinned.collect::<Vec<_>>());
}

/// A transfer as a browser wallet signs it: ethers has made the vector from bytes and words written by hand.
#[test]
fn a_transfer_signed_by_ethers_is_a_transaction_here() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../core/tests/vectors/eip712.json")).unwrap();
    let case = &vectors["cases"][0];
    let message = &case["message"];
    let text = |field: &str| message[field].as_str().unwrap();
    let hex = |value: &Value| hex::decode(&value.as_str().unwrap()[2..]).unwrap();
    let call: Call = borsh::from_slice(&hex(&message["calls"][0]["data"])).unwrap();
    assert_eq!(diem_core::tx::CallBody::text(&call), message["calls"][0]["text"]);
    let tx = diem_types::Tx {
        chain_id: text("chainId").into(),
        genesis_hash: hex(&message["genesisHash"]).try_into().unwrap(),
        sender: text("sender").parse().unwrap(),
        nonce: text("nonce").parse().unwrap(),
        expiry: text("expiry").parse().unwrap(),
        gas_price: Amount::new(text("gasPrice").parse().unwrap()),
        max_fee: Amount::new(text("maxFee").parse().unwrap()),
        fee_payer: None,
        calls: vec![call],
        memo: text("memo").into(),
    };
    assert_eq!(typed_data::digest(&tx)[..], hex(&case["digest"]));
    let auth = diem_core::keys::Auth::Ethereum { signature: hex(&case["signature"]).try_into().unwrap() };
    Signed::decode(&tx.with_auth(&auth, None)).unwrap().verify().unwrap();
}

#[test]
fn genesis_hash_and_root() {
    let chain = TestChain::fresh();
    let story = story::history(Options::default()).chain;
    let exported = story.app.export(diem_core::Time(story.app.store().meta().unwrap().time_ms)).unwrap();
    let pinned = [("fresh", &chain.doc), ("economy", &story.doc), ("exported", &exported)].map(|(name, doc)| {
        let app = diem_runtime::App::in_memory(Options::default());
        json!({
            "name": name,
            "hash": hex::encode(doc.hash()),
            "root": hex::encode(app.init_chain(doc).unwrap().root),
            "doc": doc,
        })
    });
    insta::assert_json_snapshot!(pinned);
}
