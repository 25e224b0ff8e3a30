//! People see the names that they typed, beside the addresses; programs see addresses as ever.

use diem_core::Address;

use super::chain::Chain;

/// The `0x` form of an address of the wallet.
fn hex(chain: &Chain, name: &str) -> String {
    chain.address(name).parse::<Address>().unwrap().to_hex()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_told_with_the_names_of_the_wallet() {
    let chain = Chain::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| chain.address(name));
    let (sender, call) = (format!("alice ({alice}), nonce 0"), format!("Send 2 VVV to bob ({})", hex(&chain, "bob")));
    let (paid, payer) =
        (format!("alice ({alice}) sent 2 VVV to bob ({bob})"), format!("carol ({})", chain.address("carol")));
    let pay = "tx transfer bob 2VVV --from alice --fee-payer carol";

    let dry = chain.run(&format!("{pay} --dry-run")).await.ok().stdout;
    for words in [&paid, &format!("bob ({bob})"), &format!("alice ({alice})"), &payer] {
        assert!(dry.contains(words.as_str()), "{words} is not in\n{dry}");
    }
    let file = chain.file("tx.json", &chain.run(&format!("{pay} --unsigned")).await.ok().stdout);
    let shown = chain.run(&format!("tx show {file}")).await.ok().stdout;
    // The question before sending goes to standard error; here nobody can answer it.
    let asked = chain.run(pay).await;
    assert_eq!(asked.code, 2);
    assert!(asked.stderr.contains(&paid), "{}", asked.stderr);
    let sent = chain.run(&format!("{pay} --yes -v")).await.ok();
    let hash = sent.stdout.split_whitespace().nth(1).unwrap().to_owned();
    let found = chain.run(&format!("query tx {hash}")).await.ok().stdout;
    for text in [&shown, &asked.stderr, &sent.stderr, &sent.stdout, &found] {
        for words in [&sender, &call, &payer] {
            assert!(text.contains(words.as_str()), "{words} is not in\n{text}");
        }
    }
    let block = chain.run("query block latest").await.ok().stdout;
    assert!(found.contains(&paid) && block.contains(&call), "{found}\n{block}");

    // Unless more is asked for, the result is one line.
    let sent = chain.run("tx transfer bob 2.123456789VVV --from alice --yes").await.ok().stdout;
    let [done] = sent.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(done.contains(": alice sent 2.1234… VVV to bob, fee 0.0"), "{done}");
    let hash_of_it = done.split_whitespace().last().unwrap().trim_end_matches('…');
    let block = chain.run("query block latest --full").await.ok().stdout;
    assert!(done.starts_with("committed in block ") && hash_of_it.len() == 8 && block.contains(hash_of_it), "{done}");

    let json = chain.query_json(&format!("tx {hash}")).await;
    assert_eq!(json["tx"]["calls"][0]["text"], format!("Send 2 VVV to {}", hex(&chain, "bob")));
    let dry = chain.run(&format!("{pay} --dry-run --output json")).await.ok().stdout;
    assert!(!dry.contains("bob"), "{dry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_and_who_is_paid_are_named_too() {
    let chain = Chain::start().await;
    let alice = format!("alice ({})", chain.address("alice"));
    chain.fails("tx transfer bob 999999999VVV --from alice --dry-run", 1, &alice).await;
    chain.fails("tx transfer bob 999999999VVV --from alice --yes --no-preview", 3, "insufficient_call_funds").await;
    chain.fails("tx transfer bob 999999999DIEM --from alice --yes --no-preview", 4, &alice).await;
    let voucher = chain.path("voucher.json");
    let sign = format!("voucher sign 1 --provider carol --from bob --out {voucher}");
    // The day and prices of the voucher are the node's word, so the signer is asked, and here nobody can answer.
    let asked = chain.run(&sign).await;
    assert!(asked.code == 2 && asked.stderr.contains("add --yes"), "{}", asked.stderr);
    assert!(!std::path::Path::new(&voucher).exists(), "nothing was signed");
    let signed = chain.run(&format!("{sign} --yes")).await.ok().stdout;
    assert!(signed.starts_with("bob signed for carol: 1 credit in all on day "), "{signed}");
    let shown = chain.run(&format!("voucher show {voucher}")).await.ok();
    for text in [asked.stderr, shown.stdout] {
        for name in ["bob", "carol"] {
            assert!(text.contains(&format!("{name} ({})", chain.address(name))), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_without_the_name_shows_the_address_alone() {
    let chain = Chain::start().await;
    let (to, reference) = (hex(&chain, "carol"), hex(&chain, "bob"));
    chain.tx("stake 2000VVV --validator validator-1 --from alice").await;
    chain.tx("mint-exact 2DIEM --max-lock 1000VVV --validator validator-1 --from alice").await;
    chain.tx("stake-diem 2DIEM --from alice").await;
    let tx = chain.tx(&format!("spend 1 --provider carol --reference {reference} --from alice")).await;
    let hash = tx["hash"].as_str().unwrap();
    let own = chain.run(&format!("query tx {hash}")).await.ok().stdout;
    // A reference is the sender's own text.
    assert!(own.contains(&format!("at carol ({to}) for \"{reference}\"")), "{own}");
    let elsewhere = chain.path("another-home");
    let other = chain.run(&format!("query tx {hash} --home {elsewhere}")).await.ok().stdout;
    assert!(other.contains(&format!("at {to} for")) && !other.contains("carol"), "{other}");
    assert!(!std::path::Path::new(&elsewhere).exists(), "nothing was made by looking");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_a_file_is_shown_what() {
    let chain = Chain::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| chain.address(name));
    let genesis = chain.query("status").await["genesis_hash"].as_str().unwrap().to_owned();
    let pay = "tx transfer bob 2VVV --from alice --fee-payer carol --nonce 0 --max-fee 0.5VVV --memo rent --unsigned";
    let mut file = chain.file("tx.json", &chain.run(pay).await.ok().stdout);
    for signer in ["alice", "carol"] {
        let sign = format!("tx sign {file} --max-fee 0.5VVV --from {signer}");
        let asked = chain.run(&sign).await;
        assert!(asked.code == 2 && asked.stdout.is_empty(), "{}", asked.stdout);
        assert!(asked.stderr.contains("add --yes"), "{}", asked.stderr);
        let signed = chain.run(&format!("{sign} --yes")).await.ok();
        let shown = signed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            &format!("call Send 2 VVV to bob ({})", hex(&chain, "bob")),
            &format!("sender alice ({alice}), nonce 0"),
            &format!("fee payer carol ({})", chain.address("carol")),
            "fee at most 0.5 VVV",
            "memo rent",
            &format!("chain diem-dev-1 genesis {genesis}"),
            "valid until height ",
        ] {
            assert!(shown.contains(words), "{words} is not in\n{shown}");
        }
        file = chain.file("tx.json", &signed.stdout);
    }
    // Half a VVV is more than is signed for without a named fee.
    chain.fails(&format!("tx sign {file} --from alice"), 2, "a fee of 0.5 VVV").await;
    // A user who may not sign sees the same, and signs nothing.
    let refused = chain.run(&format!("tx sign {file} --max-fee 0.5VVV --from bob --yes")).await;
    assert!(refused.code == 2 && refused.stdout.is_empty(), "{}", refused.stdout);
    assert!(refused.stderr.contains("Send 2 VVV to bob") && refused.stderr.contains(&bob), "{}", refused.stderr);
    chain.run(&format!("tx broadcast {file} --yes")).await.ok();
}
