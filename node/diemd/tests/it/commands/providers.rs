//! The commands of a provider.

use super::chain::{Chain, event, units, whole};

const PRICES: &str = r#"
[[models]]
model = "tiny"
output_token = "0.000002"
input_token = "0.000001"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_comes_is_listed_and_changes() {
    let chain = Chain::start().await;
    chain.tx("register-provider --bond 1000VVV --endpoint http://dave.example --moniker Dave --from dave").await;
    let dave = chain.query("provider dave").await;
    assert_eq!(
        (units(&dave["bond"]), &dave["moniker"], &dave["today"]["listed"]),
        (whole("1000"), &"Dave".into(), &false.into())
    );
    assert_eq!(dave["payout"], chain.address("dave"));
    chain.tx("edit-provider --payout erin --endpoint http://new.example --from dave").await;
    let dave = chain.query("provider dave").await;
    assert_eq!((&dave["endpoint"], &dave["moniker"]), (&"http://new.example".into(), &"Dave".into()));
    assert_eq!(dave["payout"], chain.address("erin"));
    chain.tx("add-bond 500VVV --from dave").await;
    chain.fails("tx list-provider dave --from dave --dry-run", 1, "only the authority").await;
    chain.tx("list-provider dave --from validator-1").await;
    let dave = chain.query("provider dave").await;
    assert_eq!((units(&dave["today"]["bond"]), units(&dave["next"]["bond"])), (0, whole("1500")));
    assert_eq!((&dave["today"]["listed"], &dave["next"]["listed"]), (&false.into(), &true.into()));

    let file = chain.file("prices.toml", PRICES);
    let tx = chain.tx(&format!("publish-prices {file} --from dave")).await;
    let dave = chain.query("provider dave").await;
    assert_eq!(dave["prices_hash"], event(&tx, "prices_published")["today"]);
    assert_eq!(dave["prices_today"]["models"][0]["prices"][0]["price"], "1000000000000");
    let table = chain.run("query provider dave").await.ok().stdout;
    assert!(table.contains("\"Dave\""), "{table}");
    assert!(
        table.contains("input token") && table.contains("PRICE (credit)") && table.contains(" 0.000001"),
        "{table}"
    );
    // The prices that the API shows can be published again.
    let same = chain.file("prices.json", &dave["prices_next"].to_string());
    chain.tx(&format!("publish-prices {same} --from dave")).await;

    chain.next_day().await;
    assert_eq!(chain.query("provider dave").await["today"]["listed"], true);
    assert_eq!(chain.query("providers").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_goes_and_may_lose_its_bond() {
    let chain = Chain::start().await;
    chain.tx("register-provider --bond 1000VVV --endpoint http://dave.example --moniker Dave --from dave").await;
    chain.tx("list-provider dave --from validator-1").await;
    chain.next_day().await;
    assert_eq!(chain.query("provider dave").await["today"]["listed"], true);
    chain.tx("delist-provider dave --from validator-1").await;
    assert_eq!(chain.query("provider dave").await["today"]["listed"], false);
    chain.tx("deregister --from dave").await;
    assert_eq!(chain.query("provider dave").await["left"]["day"], chain.today().await);
    let genesis = chain.run(&format!("genesis show {}", chain.export())).await.ok().stdout;
    for (who, end) in [("carol", "10000 VVV listed"), ("dave", "VVV has left")] {
        let mut lines = genesis.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let told = |line: String| line.starts_with(&chain.address(who)) && line.ends_with(end);
        assert!(lines.any(told), "{who}: {genesis}");
    }
    assert!(genesis.lines().any(|line| line.starts_with("gas price") && line.ends_with(" VVV")), "{genesis}");
    chain.tx("delist-provider dave --forfeit --from validator-1").await;
    let table = chain.run("query provider dave").await.ok().stdout;
    assert!(table.contains("paid back or forfeited") && !table.contains("bond paid after"), "{table}");
    chain
        .fails(
            "tx register-provider --bond 1000VVV --endpoint http://d --moniker D --from dave --dry-run",
            1,
            "was a provider",
        )
        .await;
    chain.tx("delist-provider carol --forfeit --from validator-1").await;
    assert_eq!(units(&chain.query("provider carol").await["bond"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_registration_or_a_sheet_is_told() {
    let chain = Chain::start().await;
    let small = "tx register-provider --bond 10VVV --endpoint http://d --moniker D --from dave";
    chain.fails(&format!("{small} --dry-run"), 1, "at least 1000 VVV").await;
    chain.fails("tx edit-provider --from carol", 2, "--endpoint").await;
    chain.fails("tx add-bond 1VVV --from dave --dry-run", 1, "is not a provider").await;
    let bad = chain.file("bad.toml", &PRICES.replace("output_token", "answer"));
    chain.fails(&format!("tx publish-prices {bad} --from carol --dry-run"), 2, "answer").await;
    let dear = chain.file("dear.toml", &PRICES.replace("\"0.000002\"", "\"2USD\""));
    chain.fails(&format!("tx publish-prices {dear} --from carol --dry-run"), 2, "is no credit").await;
    chain.fails("tx publish-prices nowhere.toml --from carol --dry-run", 2, "nowhere.toml").await;
    chain.fails("tx settle nowhere.json --from carol --dry-run", 2, "nowhere.json").await;
    let none = chain.file("none.json", "{}");
    chain.fails(&format!("tx settle {none} --from carol --dry-run"), 2, "this is no voucher").await;
    chain.fails("query provider dave", 1, "is not a provider").await;
}
