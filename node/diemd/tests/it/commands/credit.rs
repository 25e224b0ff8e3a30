//! The commands that stake DIEM and use the credit of the day.

use serde_json::Value;

use super::chain::{Chain, event, units, whole};

/// Starts a chain on which alice has 10 DIEM and bob the credit of 6 of them.
async fn with_credit() -> Chain {
    let chain = Chain::start().await;
    chain.tx("stake 2000VVV --validator validator-1 --from alice").await;
    chain.tx("mint-exact 10DIEM --max-lock 1000VVV --validator validator-1 --from alice").await;
    chain.tx("stake-diem 6DIEM --beneficiary bob --from alice").await;
    chain
}

async fn today(chain: &Chain, who: &str) -> Value {
    chain.query(&format!("credit {who}")).await["today"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn staked_diem_is_credit_for_whom_it_was_staked() {
    let chain = with_credit().await;
    assert_eq!(units(&today(&chain, "bob").await["allowance"]), whole("6"));
    chain.tx("stake-diem 2DIEM --from alice").await;
    assert_eq!(units(&today(&chain, "alice").await["allowance"]), whole("2"));
    let stakes = chain.query("diem-stakes alice").await;
    assert_eq!(stakes["items"].as_array().unwrap().len(), 2);
    assert_eq!(units(&chain.query("account alice").await["diem_staked"]), whole("8"));

    chain.tx("unstake-diem 1DIEM --beneficiary bob --from alice").await;
    let out = chain.query("unstaking-diem alice").await;
    assert_eq!(units(&out["items"][0]["amount"]), whole("1"));
    let credit = chain.query("credit bob").await;
    assert_eq!(units(&credit["today"]["allowance"]), whole("6"), "today's credit stays");
    assert_eq!(units(&credit["tomorrow"]), whole("5"));
    let tranche = out["items"][0]["id"].as_str().unwrap();
    chain.fails(&format!("tx collect-tranche {tranche} --from alice --dry-run"), 1, "is not due").await;
    chain.tx(&format!("cancel-unstake-diem {tranche} --from alice")).await;
    assert_eq!(units(&chain.query("credit bob").await["tomorrow"]), whole("6"));
    chain.fails("tx unstake-diem 0.001DIEM --from alice --dry-run", 1, "at least 0.01 DIEM").await;
    chain.fails("tx unstake-diem 9DIEM --from alice --dry-run", 1, "2 DIEM are staked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_spent_given_and_sold_today() {
    let chain = with_credit().await;
    let tx = chain.tx("spend 1.5 --provider carol --reference image --from bob").await;
    let spent = event(&tx, "spent");
    assert_eq!(spent["day"], chain.today().await);
    assert_eq!((units(&spent["amount"]), &spent["reference"]), (whole("1.5"), &"image".into()));
    chain.tx("gift 1credit --to dave --from bob").await;
    assert_eq!(units(&today(&chain, "dave").await["allowance"]), whole("1"));

    chain.tx("offer 2 --price 0.01VVV --from bob").await;
    let offers = chain.query("offers").await;
    assert_eq!(offers["items"][0]["seller"], chain.address("bob"));
    assert_eq!(units(&today(&chain, "bob").await["free"]), whole("1.5"));
    chain.fails("tx buy 1 --seller bob --max-price 0.009VVV --from dave --dry-run", 1, "0.01 VVV").await;
    let tx = chain.tx("buy 1.5 --seller bob --max-price 0.01VVV --from dave").await;
    assert_eq!(units(&event(&tx, "bought")["payment"]), whole("0.015"));
    chain.tx("withdraw-offer --from bob").await;
    let bob = today(&chain, "bob").await;
    assert_eq!((units(&bob["allowance"]), units(&bob["offered"]), units(&bob["free"])), (whole("3.5"), 0, whole("2")));
    assert_eq!(chain.query("offers").await["items"].as_array().unwrap().len(), 0);

    chain.fails("tx spend 2.1 --provider carol --from bob --dry-run", 1, "2 credit of today is free").await;
    let yesterday = chain.today().await - 1;
    chain.fails(&format!("tx spend 1 --provider carol --day {yesterday} --from bob --yes"), 3, "is not today").await;
}

/// Five vouchers of bob's for carol: a good one twice, one that was changed, one of a session key above its limit, and one
/// of a key without a grant. Gives the files of the good one and of all.
async fn five_vouchers(chain: &Chain) -> (String, String) {
    let sign = async |amount: &str, more: &str, name: &str| {
        let out = chain.path(name);
        chain.run(&format!("voucher sign {amount} --provider carol {more} --yes --out {out}")).await.ok();
        out
    };
    let good = sign("1.25", "--requests 7 --from bob", "good.json").await;
    let shown = chain.run(&format!("voucher show {good}")).await.ok().stdout;
    assert!(shown.contains("1.25 credit for 7 requests") && shown.contains("good"), "{shown}");
    let sheet = chain.query("provider carol").await["prices_hash"].clone();
    let text = std::fs::read_to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["voucher"]["price_sheet"], sheet);

    // One voucher is changed, one of a session key is above its limit, and one is of a key without a grant.
    let forged = chain.file("forged.json", &text.replace("1250000000000000000", "1350000000000000000"));
    chain.fails(&format!("voucher show {forged}"), 1, "a signature is bad").await;
    let shown = chain.run(&format!("voucher show {forged}")).await.stdout;
    assert!(
        shown.contains("bad for this voucher: the signature does not fit") && !shown.contains("transaction"),
        "{shown}"
    );
    let agents = sign("1.5", "--account bob --from agent", "agent.json").await;
    let stranger = sign("0.1", "--account bob --from erin", "stranger.json").await;
    let all = format!("{good} {good} {forged} {agents} {stranger}");
    (good, all)
}

/// Nothing is sent before anybody has confirmed, or asked not to be asked.
async fn bad_vouchers_are_warned_of(chain: &Chain, good: &str, all: &str) {
    let text = std::fs::read_to_string(good).unwrap();
    let foreign = chain.file("foreign.json", &text.replace("\"chain_id\": \"", "\"chain_id\": \"other-"));
    for (line, words) in [
        (format!("settle {foreign} --from carol"), vec!["voucher 1 of", "voucher_chain"]),
        (format!("settle {good} --from dave"), vec!["voucher 1 of", "voucher_provider"]),
        (
            format!("settle {all} --from carol"),
            vec!["voucher 2 of", "voucher 1 of the same signer and day", "voucher 3 of"],
        ),
    ] {
        let warned = chain.run(&format!("tx {line}")).await;
        assert_eq!(warned.code, 2, "{}", warned.stderr);
        for words in words {
            assert!(warned.stderr.contains(words), "{words}: {}", warned.stderr);
        }
        assert!(warned.stderr.contains("leave those out"), "{}", warned.stderr);
    }
}

/// Settles all of them, of which the wallet doubts two beforehand; each gets its verdict.
async fn each_gets_its_verdict(chain: &Chain, all: &str, day: u64) {
    let settled = chain.run(&format!("tx settle {all} --from carol --yes -v")).await.ok();
    let doubted = |number| {
        settled.stderr.contains(&format!("voucher {number} of bob ({}), day {day}, will", chain.address("bob")))
    };
    assert_eq!([1, 2, 3, 4, 5].map(doubted), [false, true, true, false, false], "{}", settled.stderr);
    let settled = settled.stdout;
    for (number, words) in [
        (1, "paid, 1.25 credit"),
        (2, "nothing new"),
        (3, "bad, voucher_signature"),
        (4, "capped, 1 credit"),
        (5, "bad, no_grant"),
    ] {
        let start = format!("voucher {number} of bob ({}), day {day}: {words}", chain.address("bob"));
        assert!(settled.contains(&start), "{start}\n{settled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vouchers_are_signed_shown_settled_and_each_is_told_its_verdict() {
    let chain = with_credit().await;
    chain.tx("register-provider --bond 1000VVV --endpoint http://dave.example --moniker Dave --from dave").await;
    chain.tx("allocate 3 --provider carol --from bob").await;
    let credit = chain.query("credit bob").await;
    assert_eq!(units(&credit["allocations"][0]["today"]["amount"]), whole("3"));
    let day = chain.today().await;
    chain.tx(&format!("grant --key agent --last-day {} --limit carol=1 --limit dave=0.5 --from bob", day + 5)).await;
    let grants = chain.query("grants bob").await;
    assert_eq!(grants["items"][0]["limits"].as_array().unwrap().len(), 2);

    let (good, all) = five_vouchers(&chain).await;
    bad_vouchers_are_warned_of(&chain, &good, &all).await;
    each_gets_its_verdict(&chain, &all, day).await;
    let left = chain.query("vouchers bob --provider carol").await;
    assert_eq!((units(&left["today"]["paid"]), units(&left["today"]["left"])), (whole("1.25"), whole("0.75")));
    let agent = chain.query("vouchers bob --provider carol --signer agent").await;
    assert_eq!(units(&agent["today"]["left"]), 0);

    chain.tx("revoke --key agent --from bob").await;
    assert_eq!(chain.query("grants bob").await["items"][0]["last_day"], day.to_string());
    chain.fails("tx revoke --key erin --from bob --dry-run", 1, "this would fail").await;

    chain.next_day().await;
    let record = chain.query(&format!("day {day}")).await;
    assert_eq!((units(&record["consumed"]), &record["requests"]), (whole("2.25"), &"8".into()));
    assert!(record["settled_at"].is_object(), "{record}");
    assert!(units(&record["pot"]) > 0);
    let days = chain.query("days --limit 2").await;
    assert_eq!(days["items"][1]["day"], day);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_day_is_that_of_the_next_block() {
    let chain = with_credit().await;
    // The chain's clock is days ahead of this machine's, and a midnight passes without a block.
    for _ in 0..2 {
        let open = chain.today().await;
        chain.idle(Chain::day_ms()).await;
        let file = chain.path(&format!("{open}.json"));
        chain.run(&format!("voucher sign 0.5 --provider carol --from bob --yes --out {file}")).await.ok();
        let voucher: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(voucher["voucher"]["day"], (open + 1).to_string());
        // The dry run says the same before.
        let spent = chain.tx("spend 1 --provider carol --from bob").await;
        assert_eq!(event(&spent, "spent")["day"], open + 1);
    }
}
