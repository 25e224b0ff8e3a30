//! The commands that stake VVV.

use super::chain::{Chain, coins, event, units, whole};

const VALIDATOR: &str = "--validator validator-1 --from alice";

async fn staked(chain: &Chain) -> u128 {
    let positions = chain.query("positions alice").await;
    positions["items"].as_array().unwrap().first().map_or(0, |position| units(&position["staked"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn vvv_goes_into_stake_out_of_it_back_again_and_home() {
    let chain = Chain::start().await;
    let tx = chain.tx(&format!("stake 1000VVV {VALIDATOR}")).await;
    assert_eq!(units(&event(&tx, "staked")["amount"]), whole("1000"));
    assert_eq!(staked(&chain).await, whole("1000"));
    let validator = chain.query("validator validator-1").await;
    assert_eq!(units(&validator["staked"]), whole("15800"));
    assert_eq!(units(&validator["self_stake"]), whole("10000"));

    chain.tx(&format!("unstake 300VVV {VALIDATOR}")).await;
    let out = chain.query("unstaking alice").await;
    assert_eq!(units(&out["items"][0]["amount"]), whole("300"));
    let tranche = out["items"][0]["id"].as_str().unwrap().to_owned();
    let account = chain.query("account alice").await;
    assert_eq!(units(&account["unstaking"]), whole("300"));
    assert_eq!(units(&account["staked"]), whole("700"));
    chain.tx(&format!("cancel-unstake {tranche} --from alice")).await;
    assert_eq!(staked(&chain).await, whole("1000"));
    assert_eq!(chain.query("unstaking alice").await["items"].as_array().unwrap().len(), 0);

    chain.tx(&format!("unstake 300VVV {VALIDATOR}")).await;
    let before = units(&chain.query("account alice").await["vvv"]);
    chain.mine(1).await;
    let entry = chain.query("unstaking alice").await["items"][0]["id"].as_str().unwrap().to_owned();
    chain.fails(&format!("tx collect {entry} --from alice --dry-run"), 1, "is not due").await;
    chain.pass(2 * Chain::day_ms() + 1_000).await;
    let after = units(&chain.query("account alice").await["vvv"]);
    assert_eq!(after - before, whole("300"), "it is paid by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn rewards_are_claimed_or_staked() {
    let chain = Chain::start().await;
    chain.tx(&format!("stake 1000VVV {VALIDATOR}")).await;
    chain.pass(60_000).await;
    let rewards =
        chain.query("rewards alice").await["items"].as_array().unwrap().iter().map(|row| units(&row["amount"])).sum();
    assert!(rewards > 0);
    let tx = chain.tx(&format!("claim {VALIDATOR}")).await;
    let claimed = units(&event(&tx, "claimed")["amount"]);
    assert!(claimed >= rewards, "{claimed} {rewards}");
    let said = chain.run(&format!("query tx {}", tx["hash"].as_str().unwrap())).await.ok().stdout;
    assert!(said.contains("of rewards claimed"), "{said}");

    chain.pass(60_000).await;
    let before = staked(&chain).await;
    chain.tx(&format!("claim --stake {VALIDATOR}")).await;
    assert!(staked(&chain).await > before + rewards / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_cannot_have_is_told() {
    let chain = Chain::start().await;
    chain.tx(&format!("stake 10VVV {VALIDATOR}")).await;
    // The amount is too large: the node or the block refuses it, and the error says how much there is.
    chain.fails(&format!("tx unstake 11VVV {VALIDATOR} --dry-run"), 1, "10").await;
    chain.fails(&format!("tx unstake 11VVV {VALIDATOR} --yes --no-preview"), 4, "failed there").await;
    chain.fails(&format!("tx unstake 0.5VVV {VALIDATOR} --dry-run"), 1, "at least 1 VVV, or the whole stake").await;
    chain.fails(&format!("tx unstake 9.5VVV {VALIDATOR} --dry-run"), 1, "at most 10 VVV").await;
    chain.fails("tx stake 0.5VVV --validator validator-1 --from bob --dry-run", 1, "1 is the least").await;
    chain.fails("tx collect 77 --from alice --dry-run", 1, "you have no entry 77").await;
    chain.fails("tx cancel-unstake 77 --from alice --dry-run", 1, "this would fail").await;
    assert_eq!(staked(&chain).await, coins("10VVV"));
}
