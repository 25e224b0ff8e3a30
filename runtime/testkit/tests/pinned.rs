//! Bytes that other people's software, old blocks and old databases rely on. If one of these snapshots changes, a
//! running chain breaks: change it on purpose, with a new storage or app version, or not at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use borsh::BorshSerialize;
use bytes::Bytes;
use diem_bank::{Msg, Output, Pool};
use diem_core::{Address, Amount, BlockContext, CallError, Denom, Module, ModuleId, typed_data};
use diem_runtime::{
    Options,
    hooks::{Hook, Hooks, Policy},
};
use diem_testkit::{TestChain, TxBuilder};
use diem_types::{APP_VERSION, Answer, Call, ChainError, ERRORS, Event, Query, Signed, chain::ChainEvent};
use serde_json::{Value, json};

fn bytes_of(value: &impl BorshSerialize) -> String {
    hex::encode(borsh::to_vec(value).unwrap())
}

fn amount() -> Amount {
    Amount::new(1_500_000_000_000_000_000)
}

const TO: Address = Address([0xab; 20]);

/// One of each. A new call does not compile until it has a name here; put one into the list as well.
fn calls() -> Vec<(&'static str, Call)> {
    let outputs = vec![Output { to: TO, amount: amount() }, Output { to: Address([1; 20]), amount: Amount::new(1) }];
    let calls = vec![
        Call::Bank(Msg::Transfer { to: TO, denom: Denom::Diem, amount: amount() }),
        Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs }),
    ];
    let name = |call: &Call| match call {
        Call::Bank(Msg::Transfer { .. }) => "bank transfer",
        Call::Bank(Msg::MultiTransfer { .. }) => "bank multi_transfer",
    };
    calls.into_iter().map(|call| (name(&call), call)).collect()
}

fn events() -> Vec<(&'static str, Event)> {
    let from = Address([1; 20]);
    let events = vec![
        Event::Chain(ChainEvent::HookFailed { hook: "a_hook".into(), failures: 3 }),
        Event::Bank(diem_bank::Event::Transferred { from, to: TO, denom: Denom::Vvv, amount: amount() }),
    ];
    let name = |event: &Event| match event {
        Event::Chain(ChainEvent::HookFailed { .. }) => "chain hook_failed",
        Event::Bank(diem_bank::Event::Transferred { .. }) => "bank transferred",
    };
    events.into_iter().map(|event| (name(&event), event)).collect()
}

fn queries() -> Vec<(&'static str, Query)> {
    let queries = vec![Query::Bank(diem_bank::Query::Account(TO)), Query::Bank(diem_bank::Query::Supply)];
    let name = |query: &Query| match query {
        Query::Bank(diem_bank::Query::Account(_)) => "bank account",
        Query::Bank(diem_bank::Query::Supply) => "bank supply",
    };
    queries.into_iter().map(|query| (name(&query), query)).collect()
}

fn answers() -> Vec<(&'static str, Answer)> {
    let account = diem_bank::Account { nonce: 7, vvv: amount(), diem: Amount::new(2) };
    let supply = diem_bank::query::Supply { vvv: amount(), diem: Amount::new(2), fees: Amount::new(3) };
    let answers =
        vec![Answer::Bank(diem_bank::Answer::Account(account)), Answer::Bank(diem_bank::Answer::Supply(supply))];
    let name = |answer: &Answer| match answer {
        Answer::Bank(diem_bank::Answer::Account(_)) => "bank account",
        Answer::Bank(diem_bank::Answer::Supply(_)) => "bank supply",
    };
    answers.into_iter().map(|answer| (name(&answer), answer)).collect()
}

#[test]
fn calls_queries_and_events() {
    let both = |name: &str, borsh: String, json: Value| json!({"name": name, "borsh": borsh, "json": json});
    let pinned = json!({
        "calls": calls().iter().map(|(name, call)| json!({
            "name": name,
            "borsh": bytes_of(call),
            "kind": format!("{:04x}", typed_data::kind(&typed_data::call_data(call))),
            "text": diem_core::tx::CallBody::text(call),
            "gas": call.gas(),
            "json": call,
        })).collect::<Vec<_>>(),
        "events": events().iter().map(|(name, event)| both(name, bytes_of(event), json!(event))).collect::<Vec<_>>(),
        "queries": queries().iter().map(|(name, query)| json!([name, bytes_of(query)])).collect::<Vec<_>>(),
        "answers": answers().iter().map(|(name, answer)| both(name, bytes_of(answer), json!(answer))).collect::<Vec<_>>(),
    });
    insta::assert_json_snapshot!(pinned);
}

#[test]
fn numbers() {
    fn module<M: Module>() -> Value {
        json!({"id": M::ID.0, "name": M::NAME, "storage_version": M::STORAGE_VERSION})
    }
    let errors = ERRORS.iter().flat_map(|(codespace, table)| {
        let line = move |info: &diem_core::ErrorInfo| {
            let retry = if info.retry { " retry" } else { "" };
            format!("{codespace} {} {} {}{retry}", info.code, info.name, info.http)
        };
        table.iter().map(line)
    });
    let pinned = json!({
        "app_version": APP_VERSION,
        "modules": [module::<diem_bank::Bank>()],
        "errors": errors.collect::<Vec<_>>(),
        "denominations": Denom::ALL.map(|denom| json!([denom as u8, denom.symbol()])),
        "pools": Pool::ALL.map(|pool| json!([pool as u8, format!("{pool:?}")])),
        "max_tx_bytes": diem_core::tx::MAX_TX_BYTES,
        "max_calls": diem_core::tx::MAX_CALLS,
        "max_memo_bytes": diem_core::tx::MAX_MEMO_BYTES,
        "max_chain_id_bytes": diem_core::tx::MAX_CHAIN_ID_BYTES,
        "max_outputs": diem_bank::msg::MAX_OUTPUTS,
        "max_vote_extension_bytes": diem_runtime::MAX_VOTE_EXTENSION_BYTES,
    });
    insta::assert_json_snapshot!(pinned);
}

/// The transactions of the tests below: every kind of key, call and payer.
fn transactions(chain: &TestChain) -> Vec<(&'static str, TxBuilder)> {
    let people = &chain.people;
    let every_call = calls().into_iter().map(|(_, call)| call).collect();
    let transfer = TxBuilder::transfer(&chain.doc, &people[0], 0, TO, amount());
    vec![
        ("ed25519", transfer),
        (
            "ethereum",
            TxBuilder::transfer(&chain.doc, &people[2], 0, TO, amount()).with(|tx| {
                tx.memo = "für das Brot".into();
                tx.expiry = 1_000;
            }),
        ),
        ("paid by another", TxBuilder::transfer(&chain.doc, &people[1], 0, TO, amount()).paid_by(&people[2])),
        ("every call", TxBuilder::new(&chain.doc, &people[3], 0, every_call)),
    ]
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
    let vectors: Value = serde_json::from_str(include_str!("../../core/tests/vectors/eip712.json")).unwrap();
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
    let mut exported = chain.doc.clone();
    exported.initial_height = 1_000;
    exported.app.bank.pools = vec![(Pool::Fees as u8, Denom::Vvv, amount())];
    let pinned = [("fresh", &chain.doc), ("exported", &exported)].map(|(name, doc)| {
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

/// The name of a table by the first two bytes of its keys.
fn table(key: &[u8]) -> &'static str {
    match [key[0], key[1]] {
        [0, 0] => "chain info",
        [0, 1] => "chain gas",
        [0, 2] => "chain last_block",
        [0, 3] => "chain hook_failures",
        [0, 4] => "chain validators",
        [1, 0] => "bank accounts",
        [1, 1] => "bank supply",
        [1, 2] => "bank pools",
        other => panic!("table {other:?} has no name here: add it, and a row of it to the chain below"),
    }
}

fn always_fails(_: &mut BlockContext<'_>) -> Result<(), CallError> {
    Err(ChainError::NotStarted.into())
}

/// A chain with a row in every table.
fn chain_with_every_row() -> TestChain {
    let mut hooks = Hooks::default();
    hooks.end.push(Hook { number: 200, name: "always_fails", policy: Policy::Retry, run: always_fails });
    let chain = TestChain::with(Options { hooks, ..Options::default() }, 4);
    let txs: Vec<Bytes> = transactions(&chain).iter().map(|(_, builder)| builder.bytes()).collect();
    let outcome = chain.force(txs);
    assert!(outcome.results().iter().all(|result| result.code == 0), "{:?}", outcome.results());
    chain
}

#[test]
fn every_row_of_state() {
    let chain = chain_with_every_row();
    let rows: Vec<Value> = chain
        .app
        .store()
        .state_rows()
        .map(|(key, value)| json!({"table": table(&key), "key": hex::encode(&key), "value": hex::encode(&value)}))
        .collect();
    let tables: std::collections::BTreeSet<_> = rows.iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert_eq!(tables.len(), 8, "a table without a row is not pinned: {tables:?}");
    insta::assert_json_snapshot!(json!({"root": hex::encode(chain.root()), "rows": rows}));
}

/// Not consensus, but what an old database holds when a new binary opens it.
#[test]
fn every_row_of_the_index() {
    let chain = chain_with_every_row();
    let rows = chain.app.store().index_range(&[], None, usize::MAX, false);
    let rows: Vec<Value> = rows
        .iter()
        .map(|(key, value)| json!({"kind": char::from(key[0]).to_string(), "key": hex::encode(key), "value": hex::encode(value)}))
        .collect();
    insta::assert_json_snapshot!(rows);
}

#[test]
fn events_of_a_block_decode_to_what_happened() {
    let chain = chain_with_every_row();
    let block = chain.app.block(1).unwrap();
    let events: Vec<Vec<Event>> =
        chain.app.block_txs(1, 0, 10).iter().map(|tx| Event::decode_all(&tx.result.events).unwrap()).collect();
    assert_eq!(events.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1, 3]);
    let failed = ChainEvent::HookFailed { hook: "always_fails".into(), failures: 1 };
    assert_eq!(Event::decode_all(&block.events).unwrap(), [Event::Chain(failed)]);
    assert_eq!(diem_bank::Bank::ID, ModuleId(1));
}
