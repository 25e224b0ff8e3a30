//! The commands that mint and burn DIEM.

use super::chain::{Chain, event, units, whole};

const VALIDATOR: &str = "--validator validator-1 --from alice";

#[tokio::test(flavor = "multi_thread")]
async fn svvv_is_locked_for_diem_and_opened_by_burning_it() {
    let chain = Chain::start().await;
    chain.tx(&format!("stake 1000VVV {VALIDATOR}")).await;
    let quote = chain.query("quote 500VVV").await;
    let ran = chain.run(&format!("tx mint 500VVV {VALIDATOR} --dry-run --output json")).await.ok();
    assert!(ran.stderr.contains("what the curve gives now"), "{}", ran.stderr);
    let changes = ran.json()["changes"].clone();
    assert!(changes.as_array().unwrap().iter().any(|change| change["after"]["denom"] == "DIEM"), "{changes}");

    let tx = chain.tx(&format!("mint 500VVV {VALIDATOR}")).await;
    let minted = event(&tx, "minted");
    assert_eq!(units(&minted["amount"]), units(&quote["out"]));
    assert_eq!(tx["tx"]["calls"][0]["call"]["diem"]["min_out"], quote["out"]["amount"], "no less than was quoted");
    let account = chain.query("account alice").await;
    assert_eq!(account["diem"], minted["amount"]);
    assert_eq!(units(&account["locked"]), whole("500"));

    let cost = chain.query("quote 1DIEM").await;
    let needed = cost["lock"]["display"].as_str().unwrap().replace(' ', "");
    let tx = chain.tx(&format!("mint-exact 1DIEM --max-lock {needed} {VALIDATOR}")).await;
    assert_eq!(units(&event(&tx, "minted")["amount"]), whole("1"));
    chain.fails(&format!("tx mint-exact 1DIEM --max-lock 1VVV {VALIDATOR} --dry-run"), 1, "this would fail").await;
    chain.fails(&format!("tx mint 100VVV --min-out 2DIEM {VALIDATOR} --dry-run"), 1, "this would fail").await;

    let outstanding = chain.query("locks alice").await["items"][0]["outstanding"]["display"].clone();
    let all = outstanding.as_str().unwrap().replace(' ', "");
    chain.tx(&format!("burn {all} {VALIDATOR}")).await;
    assert_eq!(chain.query("locks alice").await["items"].as_array().unwrap().len(), 0);
    let account = chain.query("account alice").await;
    assert_eq!((units(&account["locked"]), units(&account["diem"])), (0, 0));
    assert_eq!(units(&account["staked"]), whole("1000"), "what was locked was never gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_answers_what_one_wants_to_know_before() {
    let chain = Chain::start().await;
    let rate = chain.query("rate").await;
    assert_eq!(units(&rate["supply"]), whole("50"));
    assert!(rate["rate"]["display"].as_str().unwrap().starts_with("90.0004"), "{rate}");
    let curve = chain.query("curve").await;
    assert_eq!(curve["items"].as_array().unwrap().len(), 256);
    assert_eq!(curve["items"][0]["rate"], rate["rate"]);
    let emission = chain.query("emission").await;
    assert_eq!(emission["per_year"]["display"], "10000000 VVV");
    assert_eq!(chain.query("emission --schedule").await["items"].as_array().unwrap().len(), 1);
    chain.query("rent").await;
    assert_eq!(units(&chain.query("supply").await["diem"]), whole("50"));
    assert_eq!(chain.query("params").await["epoch_ms"], Chain::day_ms());
    let table = chain.run("query params").await.ok().stdout;
    for (name, value) in [
        ("length of a day", "1 hour"),
        ("locked stake pays as rent", "20%"),
        ("two votes in one round cost", "5%"),
        ("too many missed blocks cost", "0.01%"),
        ("blocks to sign, at least", "50% of the last 100"),
        ("who missed more is jailed for", "1 minute"),
        ("of rent nobody earned, to stakers", "0%"),
    ] {
        assert!(table.lines().any(|line| line.starts_with(name) && line.ends_with(value)), "{name}: {table}");
    }
}
