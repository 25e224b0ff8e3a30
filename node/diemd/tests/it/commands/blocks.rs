//! Screens of the steps that a block makes by itself.

use super::{chain::Chain, validators::new_home};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_block_does_by_itself_is_told_in_words() {
    let chain = Chain::start().await;
    let [alice, carol, dave] = ["alice", "carol", "dave"].map(|name| format!("{name} ({})", chain.address(name)));
    chain.tx("stake 2000VVV --validator validator-1 --from alice").await;
    chain.tx("mint-exact 10DIEM --max-lock 1000VVV --validator validator-1 --from alice").await;
    chain.tx("stake-diem 6DIEM --beneficiary bob --from alice").await;
    chain.tx("unstake-diem 1DIEM --beneficiary bob --from alice").await;
    chain.tx("unstake 100VVV --validator validator-1 --from alice").await;
    chain.tx("spend 1.5 --provider carol --from bob").await;
    let proof = chain.run(&format!("validator prove --home {} --operator dave", new_home(&chain))).await.ok().stdout;
    let file = chain.file("proof.json", &proof);
    chain.tx(&format!("create-validator --proof {file} --moniker Dave --self-stake 1000VVV --from dave")).await;
    // A new validator signs two heights later.
    chain.mine(2).await;

    let first = chain.query("status").await["latest"]["height"].as_u64().unwrap() + 1;
    let consensus = chain.query("validator dave").await["address"].as_str().unwrap().to_owned();
    chain.double_vote(&consensus).await;
    let day = chain.today().await;
    chain.next_day().await;
    chain.pass(2 * Chain::day_ms()).await;
    let served = chain.query(&format!("day {day}")).await;
    assert_eq!((&served["day"], &served["providers"][0]["provider"]), (&day.into(), &chain.address("carol").into()));
    assert!(served["providers"][0]["paid"]["height"].is_u64(), "{served}");
    let text = chain.blocks_from(first).await;
    for words in [
        format!("{dave} slashed by 5% for two votes in one round: 50 VVV burned"),
        format!("{dave} is out for ever"),
        format!("day {day} closed with a rent of "),
        format!("day {} opened with 5 credit", day + 1),
        format!("day {day} settled: 1.5 credit used, "),
        format!(" of rent for day {day} paid to {carol}"),
        format!("100 VVV of tranche 0 paid to {alice}"),
        format!("1 DIEM of tranche 0 paid to {alice}"),
        "shared out: ".into(),
    ] {
        let told = text.lines().any(|line| line.starts_with("block event") && line.contains(&words));
        assert!(told, "{words}\n{text}");
    }
}
