//! Typical mistakes on the command line: each has an exit code and a sentence, before anything is sent.

use super::chain::Chain;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_wrong_is_told_before_anything_is_sent() {
    let chain = Chain::start().await;
    for (line, words) in [
        // These have a wrong unit.
        ("tx stake 10 --validator validator-1 --from alice", "needs a unit"),
        ("tx stake 10DIEM --validator validator-1 --from alice", "this takes VVV, not DIEM"),
        ("tx burn 10VVV --validator validator-1 --from alice", "this takes DIEM, not VVV"),
        ("tx spend 1VVV --provider carol --from bob", "is no credit"),
        ("tx offer 1 --price 5 --from bob", "needs a unit"),
        ("tx create-validator --proof p --moniker m --self-stake 1VVV --commission 5 --from dave", "is no percentage"),
        ("query quote 10", "needs a unit"),
        ("tx stake 999999999999999999999999999999999999999avvv --validator bob --from alice", "larger than any amount"),
        ("log level nonsense", "`nonsense` is no level: write off, error"),
        // These lack an argument.
        ("tx stake 10VVV --from alice", "--validator"),
        ("tx stake 10VVV --validator validator-1", "--from"),
        ("tx mint-exact 1DIEM --validator validator-1 --from alice", "--max-lock"),
        ("tx grant --key agent --last-day 5 --from bob", "--limit"),
        ("tx settle --from carol", "FILE"),
        ("tx edit-validator --from dave", "--moniker"),
        // These have a wrong name.
        ("tx stake 10VVV --validator nobody --from alice", "`nobody` is neither an address"),
        ("tx stake 10VVV --validator validator-1 --from nobody", "there is no key `nobody`"),
        ("tx gift 1 --to diem1qqqq --from bob", "diem1qqqq"),
        ("tx grant --key agent --last-day 5 --limit carol --from bob", "write WHO=CREDIT"),
        ("tx grant --key agent --last-day 5 --limit carol=1VVV --from bob", "is no credit"),
        ("tx grant --key agent --last-day 5 --limit carol=1 --limit carol=2 --from bob", "name each provider once"),
        ("query day tomorrow", "write its number, or today"),
        // These can never succeed.
        ("tx stake 0VVV --validator validator-1 --from alice --yes", "zero"),
        ("tx restake 1VVV --validator validator-1 --to validator-1 --from alice --yes", "both validators are the same"),
        ("tx spend 0 --provider carol --from bob --yes", "zero"),
    ] {
        chain.fails(line, 2, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_refuses_is_told_with_its_reason() {
    let chain = Chain::start().await;
    for (line, words) in [
        ("stake 10VVV --validator bob --from alice", "validator"),
        ("stake 2000000VVV --validator validator-1 --from alice", "VVV"),
        ("unstake 1VVV --validator validator-1 --from alice", "this would fail"),
        ("mint 1VVV --min-out 0DIEM --validator validator-1 --from alice", "this would fail"),
        ("burn 1DIEM --validator validator-1 --from alice", "this would fail"),
        ("stake-diem 1DIEM --from alice", "DIEM"),
        ("allocate 1 --provider carol --from bob", "credit of today is 0"),
        ("allocate 1 --provider dave --from bob", "is not a provider"),
        ("spend 1 --provider carol --from bob", "credit of today is 0"),
        ("buy 1 --seller alice --max-price 1VVV --from bob", "no such offer"),
        ("withdraw-offer --from bob", "no such offer"),
        ("settle-nothing --from bob", "unrecognized subcommand"),
    ] {
        let code = if words == "unrecognized subcommand" { 2 } else { 1 };
        chain.fails(&format!("tx {line} --dry-run"), code, words).await;
    }
    // In a block the fee is paid, and the exit code says so.
    chain.fails("tx stake 10VVV --validator bob --from alice --yes", 3, "this would fail").await;
    chain.fails("tx stake 10VVV --validator bob --from alice --yes --no-preview", 4, "its fee is paid").await;
    // Without a terminal nothing is sent that nobody confirmed.
    let asked = chain.run("tx stake 10VVV --validator validator-1 --from alice").await;
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    for words in ["10 VVV staked with", "-10.0", "add --yes"] {
        assert!(asked.stderr.contains(words), "{words}: {}", asked.stderr);
    }
    let doomed = chain.run("tx stake 10VVV --validator bob --from alice").await;
    assert!(doomed.stderr.contains("this would fail"), "{}", doomed.stderr);
}
