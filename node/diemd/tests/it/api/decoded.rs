//! Transactions and events of every module as JSON: no reader loses a digit, and everything can be parsed back.

use diem_api::TxView;
use diem_runtime::Options;
use diem_testkit::story;
use diem_types::{Event, Signed};
use serde_json::Value;

/// The largest integer that every JSON reader keeps exactly.
const SAFE: u64 = 1 << 53;

/// Refuses numbers that JavaScript would round, and amounts that are no strings.
fn check(place: &str, value: &Value) {
    match value {
        Value::Number(number) => {
            assert!(number.as_u64().is_some_and(|number| number < SAFE), "{place}: {number}");
        }
        Value::Array(items) => items.iter().for_each(|item| check(place, item)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let amounts = ["amount", "lock", "out", "bond", "price", "limit", "self_stake", "max_price", "fee"];
                let is_amount = amounts.contains(&name.as_str());
                assert!(!(is_amount && field.is_number()), "{place}.{name}: {field}");
                check(&format!("{place}.{name}"), field);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn every_call_and_event_of_the_economy_is_json_without_large_numbers() {
    let economy = story::history(Options::default());
    let mut modules = std::collections::BTreeSet::new();
    for block in &economy.blocks {
        for bytes in &block.txs {
            let view = TxView::new(&Signed::decode(bytes).unwrap());
            let json = serde_json::to_value(&view).unwrap();
            // The tests' expiry, which stands for never, is the one large number.
            let shown = serde_json::to_value(TxView { expiry: 0, ..view.clone() }).unwrap();
            check("tx", &shown);
            assert_eq!(serde_json::from_value::<TxView>(json).unwrap(), view);
            assert!(view.calls.iter().all(|call| !call.text.is_empty()));
        }
        let of_txs = block.results().iter().map(|result| &result.events);
        for events in of_txs.chain([&block.finalized.events]) {
            for event in Event::decode_all(events).unwrap() {
                let json = serde_json::to_value(&event).unwrap();
                check("event", &json);
                modules.insert(json["module"].as_str().unwrap().to_owned());
                assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
            }
        }
    }
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    assert_eq!(modules, ["bank", "bridge", "credits", "diem", "emissions", "staking", "svvv"]);
}
