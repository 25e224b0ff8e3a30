//! Every field of a genesis is set, one by one, to values that it should not have: each is refused with a sentence, or
//! the chain starts, keeps its invariants, and goes on from its own export.

use diem_fuzz::{init_chain, shared_chain};
use diem_types::GenesisDoc;
use serde_json::{Value, json};

/// Collects the JSON pointers of every value that holds no others, and of every list.
fn places(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, item)| places(item, format!("{place}/{number}"), found));
            found.push(place);
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, item)| places(item, format!("{place}/{name}"), found));
        }
        _ => found.push(place),
    }
}

/// The values that a value of this kind should not have.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => vec![json!(0), json!(1), json!(u32::MAX), json!(u64::MAX)],
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            vec![json!("0"), json!("1"), json!("1000000000000000000000000"), json!(u128::MAX.to_string())]
        }
        Value::String(text) if text.ends_with('Z') => {
            vec![json!("1970-01-01T00:00:00Z"), json!("9999-12-31T23:59:59Z")]
        }
        Value::Bool(value) => vec![json!(!value)],
        Value::Null => vec![json!(0), json!("1")],
        Value::Array(items) => {
            let twice = [&items[..], &items[..]].concat();
            vec![json!([]), json!(items.iter().skip(1).collect::<Vec<_>>()), json!(twice)]
        }
        _ => Vec::new(),
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Tries one in `DIEM_FUZZ_STEP` of all changes; 1 tries all.
fn try_every_field(doc: &GenesisDoc) {
    let whole: Value = serde_json::from_str(&diem_genesis::to_json(doc)).unwrap();
    init_chain(whole.to_string().as_bytes());
    let mut found = Vec::new();
    places(&whole, String::new(), &mut found);
    let changes = found.iter().flat_map(|place| {
        let others = others(whole.pointer(place).unwrap()).into_iter();
        others.map(move |other| (place, other))
    });
    let (first, step) = (number("DIEM_FUZZ_SEED", 1), number("DIEM_FUZZ_STEP", 12).max(1));
    let mut broken = Vec::new();
    for (place, other) in changes.skip(first % step).step_by(step) {
        let mut changed = whole.clone();
        *changed.pointer_mut(place).unwrap() = other.clone();
        let text = changed.to_string();
        if std::panic::catch_unwind(|| init_chain(text.as_bytes())).is_err() {
            broken.push(format!("{place} = {}", other.to_string().chars().take(60).collect::<String>()));
        }
    }
    assert!(broken.is_empty(), "a chain that starts and cannot go on: {broken:#?}");
}

#[test]
fn any_value_in_any_field_of_a_new_chain() {
    try_every_field(&shared_chain().doc);
}

#[test]
fn any_value_in_any_field_of_an_export() {
    let app = &shared_chain().app;
    try_every_field(&app.export(diem_core::Time(app.store().meta().unwrap().time_ms)).unwrap());
}
