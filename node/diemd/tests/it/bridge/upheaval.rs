//! Transfers arrive once each while a validator joins and is jailed, another changes its bridge key, and whoever relays is
//! killed.

use std::{collections::BTreeSet, fs, path::PathBuf};

use diem_api::ValidatorStanding;
use diem_base::Bridge;
use diem_bridge::OutboundKind;
use diem_client::Client;
use diem_core::{Address, Amount, keys::EthereumKey};
use diem_genesis::presets::bridge_secret;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    base::{account, arrives, contract},
    traffic::{FEE, Traffic},
};
use crate::support::{
    client::{answering, height, person, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{run, signal, words},
    program,
    single::Single,
};

/// The number of nodes.
const NODES: usize = 4;
/// The index of the phrase whose account pays for the first validator's relayer on Base; those of the others follow.
const FIRST_RELAYER: u32 = 10;

/// The number of transfers, in four parts: `DIEM_BRIDGE_TRANSFERS` for more.
fn transfers() -> usize {
    std::env::var("DIEM_BRIDGE_TRANSFERS").map_or(60, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transfer_arrives_once_whatever_happens_to_validators() {
    let _turn = turn().await;
    let Some(devnet) = Devnet::with_base(EngineUnderTest::Comet, &[]) else { return };
    let (part, mut traffic) = (transfers() / 4, Traffic::new(&devnet).await);
    let mut scene = Scene { bridge: contract(&devnet).await, devnet, returned: Vec::new() };

    let (newcomer, ()) = tokio::join!(scene.one_joins_that_nobody_runs(), traffic.send(part));
    let ((old, new), ()) = tokio::join!(scene.one_changes_its_bridge_key(), traffic.send(part));
    for _ in 0..2 {
        traffic.send_during(part / 2, scene.whoever_relays_is_killed_and_returns(&new)).await;
    }
    tokio::join!(scene.the_newcomer_is_jailed(&newcomer), traffic.send(part));
    let set = scene.newest_set_is_of(&new, &[&old, &newcomer]).await;
    traffic.send(1).await;

    for (recipient, amount) in &traffic.sent {
        arrives(&scene.bridge, recipient, *amount).await;
    }
    assert!(scene.bridge.state().await.unwrap().set_nonce >= set);
    scene.the_last_batch_is_signed_by_all_of(set).await;
    scene.nothing_is_minted_twice(&traffic).await;
    scene.the_escrow_is_exact(&traffic).await;
    scene.all_agree_and_the_state_holds_together().await;
}

struct Scene {
    devnet: Devnet,
    bridge: Bridge,
    /// The nodes that were killed and started again, by place; each at its last start.
    returned: Vec<(usize, Single)>,
}

impl Scene {
    /// The client of a node that is never killed while this is asked: whoever is killed returns before the next step.
    fn client(&self) -> Client {
        self.devnet.client(0)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.devnet.dir().with_file_name(name)
    }

    /// Runs a command of the wallet to its end.
    async fn type_in(&self, args: &[&str]) -> String {
        let mut command = program::diemd(&self.devnet.wallet(), self.devnet.ready["nodes"][0]["api"].as_str().unwrap());
        command.args(args);
        program::run(command, "").await.ok().stdout
    }

    /// Makes a proof of the keys in a home; returns the address of the bridge key, and the file.
    async fn prove(&self, home: &str, operator: &str, more: &[&str]) -> (Address, String) {
        let proof =
            self.type_in(&[&["validator", "prove", "--home", home, "--operator", operator], more].concat()).await;
        let file = self.path(&format!("{operator}-proof.json"));
        fs::write(&file, &proof).unwrap();
        let proof: Value = serde_json::from_str(&proof).unwrap();
        (proof["bridge_address"].as_str().unwrap().parse().unwrap(), file.to_str().unwrap().to_owned())
    }

    /// Alice makes a validator whose node never runs; returns its bridge key, once Base knows it.
    async fn one_joins_that_nobody_runs(&self) -> Address {
        let (home, genesis) = (self.path("alice-node"), self.devnet.dir().join("genesis.json"));
        let (home, genesis) = (home.to_str().unwrap(), genesis.to_str().unwrap());
        let made = run(&["init", "--engine", "comet", "--genesis", genesis, "--home", home]);
        assert!(made.status.success(), "{}", words(&made));
        let (key, proof) = self.prove(home, "alice", &[]).await;
        let stake = ["--moniker", "Alice", "--self-stake", "2500VVV", "--from", "alice", "--yes"];
        self.type_in(&[&["tx", "create-validator", "--proof", &proof], &stake[..]].concat()).await;
        self.newest_set_is_of(&key, &[]).await;
        key
    }

    /// The second validator changes its bridge key while it runs; returns the old and the new one, once Base knows it.
    async fn one_changes_its_bridge_key(&self) -> (Address, Address) {
        let (home, operator) = (self.devnet.home(1), "validator-2");
        let old = EthereumKey::new(&bridge_secret(2)).unwrap().address();
        let (new, proof) = self.prove(home.to_str().unwrap(), operator, &["--new-bridge-key"]).await;
        assert_ne!(old, new);
        self.type_in(&["tx", "rotate-bridge-key", "--proof", &proof, "--from", operator, "--yes"]).await;
        self.newest_set_is_of(&new, &[&old]).await;
        (old, new)
    }

    /// Waits until the newest set has the one key and none of the others, and is stored on Base; returns its nonce.
    async fn newest_set_is_of(&self, key: &Address, without: &[&Address]) -> u64 {
        let client = self.client();
        until("the set on Base", async || {
            let newest = client.bridge().await.ok()?.answer.issued.sets;
            let set = client.bridge_set(newest).await.ok()?.answer;
            let has = |key: &Address| set.members.iter().any(|member| member.address == *key);
            let is_so = has(key) && !without.iter().any(|key| has(key));
            let stored = self.bridge.state().await.unwrap().set_nonce;
            (is_so && stored == newest).then_some(newest)
        })
        .await
    }

    /// Kills the validator whose turn it is to relay a batch that is not on Base yet, and starts it again. Whether the set
    /// that takes turns has the changed key of the second one, and the newcomer's, whose node never runs, depends on how
    /// far Base is attested by now.
    async fn whoever_relays_is_killed_and_returns(&mut self, changed: &Address) {
        let client = self.client();
        let first: Vec<Address> =
            (0..NODES).map(|node| EthereumKey::new(&bridge_secret(node + 1)).unwrap().address()).collect();
        let whose = |turn: Address| if turn == *changed { Some(1) } else { first.iter().position(|key| *key == turn) };
        let node = until("a batch on its way whose turn is a node's", async || {
            for batch in client.bridge_batches().await.ok()?.answer.items.into_iter().rev() {
                let node = batch.batch.turn.and_then(|turn| whose(turn.0));
                if node.is_some() && !self.bridge.executed(batch.batch.nonce).await.unwrap() {
                    return node;
                }
            }
            None
        })
        .await;
        match self.returned.iter().position(|(at, _)| *at == node) {
            Some(at) => self.returned.remove(at).1.kill(),
            None => signal(self.devnet.pid(node), Signal::KILL),
        }
        let again = self.devnet.client(node);
        until("the end of the node", async || height(&again).await.is_none().then_some(())).await;
        self.returned.push((node, Single::start(&self.devnet.home(node), &[])));
        answering(&again).await;
    }

    async fn the_newcomer_is_jailed(&self, key: &Address) {
        let (client, alice) = (self.client(), person(0).address);
        let jailed = async || {
            let alice = client.validator(&alice, None, false).await.ok()?.answer;
            assert_eq!(alice.bridge_address, *key);
            (alice.standing == ValidatorStanding::Jailed).then_some(())
        };
        until("the jailing of who does not sign", jailed).await;
    }

    /// Every member of a set signs what is sealed now, the changed key among them.
    async fn the_last_batch_is_signed_by_all_of(&self, set: u64) {
        let client = self.client();
        let last = client.bridge().await.unwrap().answer.issued.batches;
        until("all signatures of the last batch", async || {
            let signed = client.bridge_signatures(OutboundKind::Batch, last, Some(set)).await.ok()?.answer.power;
            (signed.signed == signed.total).then_some(())
        })
        .await;
    }

    async fn nothing_is_minted_twice(&self, traffic: &Traffic) {
        let client = self.client();
        // Whoever would mint something again has some blocks for it.
        let now = height(&client).await.unwrap();
        reach(&client, now + 5).await;
        assert_eq!(self.bridge.supply().await.unwrap(), traffic.total());
        let fees_of_all = FEE.get() * u128::try_from(traffic.sent.len()).unwrap();
        until("the attested block that has all of it", async || {
            let there = client.bridge().await.ok()?.answer.base;
            assert!(there.supply.amount <= traffic.total(), "{there:?}");
            (there.supply.amount == traffic.total() && there.fees.amount.get() == fees_of_all).then_some(())
        })
        .await;
        let recipients: BTreeSet<Address> = traffic.sent.iter().map(|(recipient, _)| *recipient).collect();
        assert_eq!(recipients.len(), traffic.sent.len());
        let mut fees = 0;
        for relayer in 0..u32::try_from(NODES).unwrap() {
            fees += self.bridge.balance_of(&account(FIRST_RELAYER + relayer)).await.unwrap().get();
        }
        assert_eq!(fees, fees_of_all);
    }

    async fn the_escrow_is_exact(&self, traffic: &Traffic) {
        let client = self.client();
        let supply = client.supply().await.unwrap();
        let escrow = supply.pools.iter().find(|pool| pool.name == "bridge_escrow").unwrap();
        assert_eq!((escrow.vvv.amount, escrow.diem.amount), (Amount::ZERO, traffic.total()));
        // What is executed is no batch any more.
        let bridge = client.bridge().await.unwrap().answer;
        assert_eq!((bridge.books.escrow.amount, bridge.base.supply.amount), (traffic.total(), traffic.total()));
        assert_eq!((bridge.waiting.amount, bridge.sealed.amount, bridge.open_batches), (Amount::ZERO, Amount::ZERO, 0));
        assert_eq!(bridge.halt, None);
    }

    async fn all_agree_and_the_state_holds_together(mut self) {
        let clients: Vec<Client> = (0..NODES).map(|node| self.devnet.client(node)).collect();
        let now = height(&clients[0]).await.unwrap();
        let mut roots = BTreeSet::new();
        for client in &clients {
            reach(client, now).await;
            roots.insert(root(client, now).await);
        }
        assert_eq!(roots.len(), 1, "{roots:?}");
        for (_, node) in self.returned.drain(..) {
            assert!(node.stop().success());
        }
        assert!(self.devnet.stop().success(), "{}", self.devnet.said());
        for node in 0..NODES {
            let checked = run(&["check", "--home", self.devnet.home(node).to_str().unwrap()]);
            assert!(checked.status.success(), "{}", words(&checked));
        }
    }
}
