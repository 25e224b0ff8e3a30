//! `diemd curve` through the binary, against the known answers of the module.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const MINT_CURVE: &str = include_str!("../../../../modules/diem/tests/vectors/mint_curve.json");
const LIVE_TABLE: &str = include_str!("../../../../modules/diem/tests/vectors/live_table_2026_09.json");

fn diemd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_diemd")).arg("curve").args(arguments).output().unwrap()
}

/// Runs `diemd curve VERB --file F --output json` on a file with this content.
fn with_file(verb: &str, content: &Value) -> Output {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("curve.json");
    std::fs::write(&file, content.to_string()).unwrap();
    diemd(&[verb, "--file", file.to_str().unwrap(), "--output", "json"])
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error text of a run that failed by the user's fault.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    // Where it prints JSON, that is the error.
    if !output.stdout.is_empty() {
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["exit"], &told["error"]["name"]), (&2.into(), &"usage".into()), "{told}");
    }
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| line.split("  ").map(str::trim).filter(|w| !w.is_empty()).map(Into::into).collect())
        .collect()
}

/// Finds a curve by its name in the vectors.
fn curve(name: &str) -> Value {
    let target = match name {
        "live-40000" => return serde_json::from_str(LIVE_TABLE).unwrap(),
        "formula-38000" => "38000000000000000000000",
        "formula-40000" => "40000000000000000000000",
        other => panic!("there is no curve {other}"),
    };
    json!({
        "base": "90000000000000000000", "power": 2, "target": target, "step": "500000000000000000000", "steps": 256,
    })
}

#[test]
fn every_known_quote_is_answered_to_the_last_digit() {
    let vectors: Value = serde_json::from_str(MINT_CURVE).unwrap();
    let all = vectors["quotes"].as_array().unwrap();
    for name in ["formula-38000", "formula-40000", "live-40000"] {
        let (mut questions, mut expected) = (vec![], vec![]);
        for vector in all.iter().filter(|vector| vector["table"] == name) {
            questions.push(json!({"supply": vector["supply"], "lock": vector["lock"]}));
            expected.push(json!({"diem_out": vector["diem_out"], "charged": vector["charged"]}));
            questions.push(json!({"supply": vector["supply"], "exact_out": vector["exact_out"]}));
            expected.push(json!({"lock_needed": vector["lock_needed"]}));
        }
        assert_eq!(questions.len(), 24);
        let output = with_file("quote", &json!({"curve": curve(name), "quotes": questions}));
        assert_eq!(json_of(&output), Value::Array(expected), "{name}");
    }
}

#[test]
fn every_known_entry_is_in_the_table() {
    let vectors: Value = serde_json::from_str(MINT_CURVE).unwrap();
    for (name, entries) in vectors["entries"].as_object().unwrap() {
        let table = json_of(&with_file("table", &json!({"curve": curve(name)})));
        assert_eq!(table.as_array().unwrap().len(), 256);
        for (number, rate) in entries.as_object().unwrap() {
            assert_eq!(table[number.parse::<usize>().unwrap()][1], *rate, "{name}, step {number}");
        }
        assert_eq!(table[255][0], "128000000000000000000000");
    }
    let live = json_of(&with_file("table", &json!({"curve": curve("live-40000")})));
    assert_eq!(live, curve("live-40000"), "a table comes back as it was given");
}

#[test]
fn past_the_table_there_is_null() {
    let quotes = json!([
        {"supply": "0", "lock": "20"},
        {"supply": "0", "lock": "21"},
        {"supply": "4", "exact_out": "6"},
        {"supply": "4", "exact_out": "7"},
        {"supply": "10", "lock": "1"},
        {"supply": "9".repeat(60), "lock": "1"},
        {"supply": "0", "exact_out": "9".repeat(60)},
        {"supply": "10", "lock": "0"},
    ]);
    let file = json!({"curve": [["10", "2000000000000000000"]], "quotes": quotes});
    let expected = json!([
        {"diem_out": "10", "charged": "20"}, null, {"lock_needed": "12"}, null, null, null, null,
        {"diem_out": "0", "charged": "0"},
    ]);
    assert_eq!(json_of(&with_file("quote", &file)), expected);
}

#[test]
fn people_ask_one_question_about_the_published_curve() {
    let output = diemd(&["quote", "--supply", "10000DIEM", "--out", "1DIEM", "--full"]);
    let expected =
        vec![vec!["SUPPLY (DIEM)", "LOCK (sVVV)", "MINT (DIEM)"], vec!["10000", "93.878680997649017595", "1"]];
    assert_eq!(lines(&output), expected);
    let output = diemd(&["quote", "--supply", "127999DIEM", "--lock", "1VVV", "--output", "json"]);
    assert_eq!(json_of(&output), json!([{"diem_out": "0", "charged": "1000000000000000000"}]));
    let output = diemd(&["quote", "--supply", "128000DIEM", "--lock", "1VVV"]);
    assert_eq!(lines(&output)[1], ["128000", "1", "past the end"]);
}

#[test]
fn people_read_the_table_in_whole_units() {
    let lines = lines(&diemd(&["table", "--full"]));
    assert_eq!(lines.len(), 257);
    assert_eq!(lines[0], ["STEP", "UP TO DIEM", "SVVV PER DIEM"]);
    assert_eq!(lines[1], ["0", "500", "90.000410046130188937"]);
    assert_eq!(lines[76], ["75", "38000", "665.01504890375852045"]);
}

#[test]
fn what_is_no_curve_or_no_question_is_named() {
    let refused = |file: Value| refusal(&with_file("quote", &file));
    let flat = json!([["10", "2"]]);
    let with = |question: Value| refused(json!({"curve": flat, "quotes": [{"supply": "1", "lock": "1"}, question]}));
    assert!(refused(json!({"quotes": []})).contains("missing field `curve`"));
    assert!(refused(json!({"curve": [["10", "2"], ["10", "2"]]})).contains("step 1 of the curve ends where it begins"));
    assert!(with(json!({"supply": "1"})).contains("quote 1 needs either `lock` or `exact_out`"));
    assert!(with(json!({"supply": "1", "lock": "1", "exact_out": "1"})).contains("quote 1 needs either"));
    assert!(with(json!({"lock": "1"})).contains("missing field `supply`"));
    assert!(with(json!({"supply": "1.5", "lock": "1"})).contains("`1.5` is not a string of digits"));
    assert!(refusal(&diemd(&["table", "--file", "no/such/file"])).contains("no/such/file cannot be read"));
    for unasked in [&["quote"][..], &["quote", "--supply", "1DIEM"]] {
        let said = refusal(&diemd(unasked));
        assert!(["--file", "--supply", "--lock", "--out"].iter().all(|option| said.contains(option)), "{said}");
    }
    assert!(refusal(&diemd(&["quote", "--supply", "1VVV", "--lock", "1VVV"])).contains("this takes DIEM"));
    assert!(refusal(&diemd(&["quote", "--supply", "1DIEM", "--lock", "1VVV", "--out", "1DIEM"])).contains("--out"));
}
