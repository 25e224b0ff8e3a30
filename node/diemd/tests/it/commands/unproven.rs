//! The numbers, chains and names that come from a node alone, and what bounds them before the wallet signs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use diem_client::{
    Client,
    build::{BuildError, Intent},
};
use diem_core::{Address, Amount, keys::SecretKey};
use diem_genesis::presets::{self};
use diem_staking::KeyProof;
use serde_json::Value;

use super::{
    chain::Chain,
    lies::{alice, at, pays},
};
use crate::support::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_only_the_node_knows_is_not_paid() {
    let chain = Chain::start().await;
    let factor = Arc::new(AtomicU64::new(1_000_000_000));
    let used = Arc::clone(&factor);
    let proxy = Proxy::before(
        chain.url(),
        at("/v1/params", move |params| {
            let price: u128 = params["gas"]["min_price"]["amount"].as_str().unwrap().parse().unwrap();
            let price = price * u128::from(used.load(Ordering::SeqCst)) / 1_000;
            params["gas"]["min_price"]["amount"] = price.to_string().into();
        }),
    )
    .await;
    let pay = format!("tx transfer bob 1VVV --from alice --yes --node {}", proxy.url);
    // At first sight of a chain the bound is a fixed one.
    chain.fails(&pay, 2, "more than the 0.1 VVV").await;
    // Once the chain is known, a tenth of that is too much: it was seen with the node's own price.
    chain.run("keys forget-chain diem-dev-1").await.ok();
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    factor.store(10_001, Ordering::SeqCst);
    let refused = chain.run(&pay).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for words in ["10001000000 avvv", "1000000000 when it was first seen", "Nothing was signed", "--max-fee"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    let unsigned = chain.run(&format!("tx transfer bob 1VVV --from alice --unsigned --node {}", proxy.url)).await;
    assert_eq!((unsigned.code, unsigned.stdout.as_str()), (2, ""));
    assert_eq!(proxy.sent().len(), 0);
    factor.store(9_000, Ordering::SeqCst);
    let shown = chain.run(&pay).await.ok();
    assert!(shown.stderr.contains("9000000000 avvv; it was 1000000000"), "{}", shown.stderr);
    factor.store(10_001, Ordering::SeqCst);
    chain.run(&format!("{pay} --max-fee 1VVV")).await.ok();

    let (client, key) = (Client::new(&proxy.url).unwrap(), alice());
    let known = Client::new(chain.url()).unwrap().chain().await.unwrap();
    let error = client.clone().knowing(known).draft(pays(&key, &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::FeeUntold { .. }), "{error}");
    factor.store(1_000_000_000, Ordering::SeqCst);
    let error = client.draft(pays(&key, &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::FeeUntold { .. }), "{error}");
    let told = Intent { max_fee: Some(Amount::new(1_000_000 * Amount::ONE.get())), ..pays(&key, &chain) };
    client.draft(told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_gas_that_only_the_node_knows_is_not_paid() {
    let chain = Chain::start().await;
    for known in [false, true] {
        if known {
            chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
        }
        for (name, lie) in
            [("per_tx", 1_001_u64), ("per_tx", 60_000), ("per_tx", 90_000), ("per_byte", 11), ("per_signature", 9_000)]
        {
            let lie = at("/v1/params", move |params| params["gas"][name] = lie.into());
            let proxy = Proxy::before(chain.url(), lie).await;
            let pay = format!("tx transfer bob 1VVV --from alice --yes --node {}", proxy.url);
            let refused = chain.run(&pay).await;
            assert_eq!(refused.code, 2, "{name}: {}", refused.stderr);
            for words in
                [&proxy.url, "gas for this transaction", "the table of gas of this chain's genesis", "--max-fee"]
            {
                assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
            }
            let error = Client::new(&proxy.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap_err();
            assert!(matches!(error, BuildError::GasUntold { .. }), "{name}: {error}");
            assert_eq!(proxy.sent().len(), 0);
            // A user that names a fee has agreed to it.
            chain.run(&format!("{pay} --max-fee 0.01VVV")).await.ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_table_of_gas_is_believed_where_the_genesis_has_it() {
    let chain = Chain::start_with(|genesis| genesis.replace("\n[gas]\n", "\n[gas]\nper_tx = 20_000\n")).await;
    let sent = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(sent.stderr.contains("20000 a transaction"), "{}", sent.stderr);
    let dearer = at("/v1/params", |params| params["gas"]["per_tx"] = 20_001.into());
    let dearer = Proxy::before(chain.url(), dearer).await;
    chain.fails(&format!("tx transfer bob 1VVV --from alice --yes --node {}", dearer.url), 2, "gas for this").await;
    chain.run("keys forget-chain diem-dev-1").await.ok();
    // A genesis that has the higher gas, and is not that of the chain, is refused.
    let forged = Proxy::before(chain.url(), |path, answer| match path {
        "/v1/params" => answer["gas"]["per_tx"] = 60_000.into(),
        "/v1/genesis" => answer["app"]["gas"]["per_tx"] = 60_000.into(),
        _ => {}
    })
    .await;
    chain
        .fails(&format!("tx transfer bob 1VVV --from alice --yes --node {}", forged.url), 2, "as its genesis one")
        .await;
    let error = Client::new(&forged.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::OtherGenesis { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_under_a_known_name_is_refused_until_it_is_forgotten() {
    let chain = Chain::start().await;
    let first = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(first.stderr.contains("sees a chain for the first time"), "{}", first.stderr);
    let again = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(!again.stderr.contains("first time"), "{}", again.stderr);
    let other = "ab".repeat(32);
    let hash = other.clone();
    let proxy =
        Proxy::before(chain.url(), at("/v1/status", move |status| status["genesis_hash"] = hash.clone().into()));
    let proxy = proxy.await;
    for line in [
        "tx transfer bob 1VVV --from alice --yes",
        "tx transfer bob 1VVV --from alice --unsigned",
        "voucher sign 1 --provider carol --from bob",
    ] {
        let refused = chain.run(&format!("{line} --node {}", proxy.url)).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
        for words in [&other, "nothing was signed", "diemd keys forget-chain diem-dev-1"] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
    }
    assert_eq!(proxy.sent().len(), 0);
    // A file for the other chain is not signed either.
    let file = chain.run("tx transfer bob 1VVV --from alice --unsigned").await.ok().stdout;
    let own = chain.query("status").await["genesis_hash"].as_str().unwrap().to_owned();
    let file = chain.file("other.json", &file.replace(&own, &other));
    chain.fails(&format!("tx sign {file} --from alice --yes"), 2, "forget-chain").await;
    chain.run("keys forget-chain diem-dev-1").await.ok();
    let unsigned = chain.run(&format!("tx transfer bob 1VVV --from alice --unsigned --node {}", proxy.url)).await.ok();
    assert!(unsigned.stdout.contains(&other) && unsigned.stderr.contains("first time"), "{}", unsigned.stderr);

    let client = Client::new(&proxy.url).unwrap();
    let known = Client::new(chain.url()).unwrap().chain().await.unwrap();
    let error = client.knowing(known).draft(pays(&alice(), &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::OtherChain { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_bounds_is_shown_by_itself() {
    let chain = Chain::start().await;
    let proxy = Proxy::before(chain.url(), |path, answer| match path {
        "/v1/status" => answer["latest"]["height"] = 7_000_000_u64.into(),
        "/v1/credit/today" => answer["day"] = 123_456_u64.into(),
        "/v1/curve/quote" => answer["out"]["amount"] = "42".into(),
        path if path.starts_with("/v1/providers/") => answer["prices_hash"] = "cd".repeat(32).into(),
        path if path.starts_with("/v1/validators/") => answer["website"] = "https://evil.example".into(),
        path if path.starts_with("/v1/accounts/") => answer["next_nonce"] = 9.into(),
        _ => {}
    })
    .await;
    for (line, words) in [
        (
            "tx transfer bob 1VVV --from alice --unsigned",
            &["nonce", " 9", "height 7000600", "said to be at 7000000"][..],
        ),
        ("tx gift 1 --to dave --from bob --unsigned", &["day", "123456"]),
        (
            "tx mint 500VVV --validator validator-1 --from alice --unsigned",
            &["least to get", "0.000000000000000042 DIEM"],
        ),
        ("tx edit-validator --moniker New --from validator-1 --unsigned", &["website", "\"https://evil.example\""]),
        ("voucher sign 1 --provider carol --from bob --yes", &["day", "123456", "price sheet", &"cd".repeat(32)]),
    ] {
        let shown = chain.run(&format!("{line} --node {}", proxy.url)).await.ok();
        let (_, unproven) = shown.stderr.split_once("On the word of ").unwrap_or_else(|| panic!("{}", shown.stderr));
        let (unproven, _) = unproven.split_once("\n\n").unwrap_or((unproven, ""));
        assert!(unproven.contains(&proxy.url), "{unproven}");
        for words in words {
            assert!(unproven.contains(words), "{line}: {words} is not in\n{unproven}");
        }
    }
    // A value that the caller chooses is not the node's word.
    let chosen = "tx gift 1 --to dave --day 5 --nonce 3 --expiry 900 --from bob --unsigned";
    let shown = chain.run(&format!("{chosen} --node {}", proxy.url)).await.ok();
    assert!(!shown.stderr.contains("On the word"), "{}", shown.stderr);
    let draft = Client::new(&proxy.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap();
    assert_eq!((draft.unproven.nonce, draft.unproven.height), (Some(9), Some(7_000_000)));
}

/// A development chain that its node calls `diem-1`, with the user's own key in the wallet.
async fn as_a_real_chain(chain: &Chain) -> Proxy {
    let rename = |path: &str, answer: &mut Value| {
        if path == "/v1/status" {
            answer["chain_id"] = "diem-1".into();
        }
        if let Some(tx) = answer.get_mut("tx").filter(|tx| tx.is_object()) {
            tx["chain_id"] = "diem-1".into();
        }
    };
    let proxy = Proxy::before(chain.url(), rename).await;
    // The user's own key, which is encrypted, has its name on every chain.
    let (secret, passphrase) = (chain.file("secret", &"5e".repeat(32)), chain.file("passphrase", "correct horse"));
    chain.run(&format!("keys import own --secret-file {secret} --passphrase-file {passphrase}")).await.ok();
    chain.run(&format!("query account own --node {}", proxy.url)).await.ok();
    proxy
}

/// Runs commands at that node which must be refused with these words, before they print anything.
async fn all_refused(chain: &Chain, proxy: &Proxy, lines: &[String], words: &str) {
    for line in lines {
        let refused = chain.run(&format!("{line} --node {}", proxy.url)).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains(words), "{line}: {}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_chain_the_people_of_a_devnet_have_no_names() {
    let chain = Chain::start().await;
    let proxy = as_a_real_chain(&chain).await;
    let bob = chain.address("bob");
    let sent = chain.run(&format!("tx transfer {bob} 1VVV --from alice --yes --output json")).await.ok().json();
    let stranger = format!("0x{}", "ab".repeat(20));
    let named = [
        "tx transfer bob 5VVV --from own".to_owned(),
        format!("tx transfer {stranger} 5VVV --from alice --unsigned"),
        format!("tx transfer {stranger} 5VVV --from alice --dry-run"),
        format!("tx multi-transfer {stranger}=1VVV bob=1VVV --from alice --unsigned"),
        format!("tx transfer {stranger} 5VVV --from own --fee-payer alice --unsigned"),
        "tx stake-diem 1DIEM --beneficiary bob --from own".to_owned(),
        "tx stake 1VVV --validator validator-1 --from own".to_owned(),
        "tx register-provider --bond 1VVV --endpoint http://a --moniker m --payout bob --from own".to_owned(),
        format!("tx grant --key dave --last-day 5 --limit {stranger}=1 --from own"),
        format!("tx grant --key {stranger} --last-day 5 --limit carol=1 --from own"),
        "voucher sign 1 --provider carol --from own".to_owned(),
        format!("voucher sign 1 --provider {stranger} --account bob --from own"),
        format!("voucher sign 1 --provider {stranger} --from bob"),
        "query account bob".into(),
        "query provider carol".into(),
        "query vouchers bob --provider carol".into(),
    ];
    all_refused(&chain, &proxy, &named, "is no development chain").await;
    // A copy of such a key is refused as well, whatever it is called and however it is encrypted.
    let (secret, passphrase) =
        (chain.file("known", &hex::encode(presets::operator_secret(1))), chain.path("passphrase"));
    chain.run(&format!("keys import mine --secret-file {secret} --passphrase-file {passphrase}")).await.ok();
    for line in ["tx transfer mine 5VVV --from own".to_owned(), format!("tx transfer {stranger} 5VVV --from mine")] {
        chain.fails(&format!("{line} --node {}", proxy.url), 2, "is no development chain").await;
    }
    chain.fails(&format!("query account mine --node {}", proxy.url), 2, "is no development chain").await;
    // The addresses of others are not shown under their names either.
    let shown = chain.run(&format!("query tx {} --node {}", sent["hash"].as_str().unwrap(), proxy.url)).await.ok();
    assert!(!shown.stdout.contains("bob ("), "{}", shown.stdout);
    assert_eq!(proxy.sent().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_chain_nothing_is_given_to_an_address_whose_key_everybody_knows() {
    let chain = Chain::start().await;
    let proxy = as_a_real_chain(&chain).await;
    let (bob, stranger) = (chain.address("bob"), format!("0x{}", "ab".repeat(20)));
    // It is refused in either form.
    let hex = bob.parse::<Address>().unwrap().to_hex();
    let operator = chain.address("validator-1");
    let written_out = [
        format!("tx transfer {bob} 5VVV --from own"),
        format!("tx transfer {hex} 5VVV --from own --unsigned"),
        format!("tx multi-transfer {stranger}=1VVV {bob}=1VVV --from own --dry-run"),
        format!("tx stake 1VVV --validator {operator} --from own"),
        format!("tx stake-diem 1DIEM --beneficiary {bob} --from own"),
        format!("tx allocate 1 --provider {bob} --from own"),
        format!("tx gift 1 --to {bob} --day 5 --from own"),
        format!("tx register-provider --bond 1VVV --endpoint http://a --moniker m --payout {bob} --from own"),
        format!("tx grant --key {bob} --last-day 5 --limit {stranger}=1 --from own"),
        format!("voucher sign 1 --provider {bob} --from own"),
    ];
    all_refused(&chain, &proxy, &written_out, "everybody knows").await;
    // Credit and rights that it has can be taken back as ever.
    for line in [format!("tx revoke --key {bob}"), format!("tx allocate 0 --provider {bob}")] {
        chain.run(&format!("{line} --from own --unsigned --node {}", proxy.url)).await.ok();
    }
    chain.run(&format!("query account {bob} --node {}", proxy.url)).await.ok();
    // A file from elsewhere is checked the same way.
    let file = chain.run("tx transfer bob 1VVV --from alice --unsigned").await.ok().stdout;
    let file = chain.file("real.json", &file.replace("diem-dev-1", "diem-1"));
    chain.fails(&format!("tx sign {file} --from own --yes"), 2, "everybody knows").await;
    assert_eq!(proxy.sent().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_chain_a_validator_signs_with_no_key_that_everybody_knows() {
    let chain = Chain::start().await;
    let proxy = as_a_real_chain(&chain).await;
    let own = chain.address("own").parse().unwrap();
    let (consensus, bridge) = (presets::validator_secret(1), presets::bridge_secret(1));
    for (consensus, bridge) in [(consensus, [9; 32]), ([9; 32], bridge)] {
        let (consensus, bridge) = (SecretKey::ed25519(&consensus), SecretKey::ethereum(&bridge).unwrap());
        let SecretKey::Ed25519(key) = &consensus else { panic!("ed25519") };
        let proof = serde_json::json!({
            "chain_id": "diem-1", "operator": own, "consensus_key": hex::encode(key.verifying_key().as_bytes()),
            "bridge_address": bridge.address(), "proof": KeyProof::sign("diem-1", &own, &consensus, &bridge).unwrap(),
        });
        let file = chain.file("proof.json", &proof.to_string());
        let create = format!("tx create-validator --proof {file} --moniker M --self-stake 1VVV --from own");
        chain.fails(&format!("{create} --node {}", proxy.url), 2, "everybody knows").await;
        let rotate = format!("tx rotate-bridge-key --proof {file} --from own");
        chain.fails(&format!("{rotate} --node {}", proxy.url), 2, "everybody knows").await;
    }
    assert_eq!(proxy.sent().len(), 0);
}
