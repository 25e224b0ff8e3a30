//! Histories: what goes into each block, and how it is played on the chain and handed to the model.

use std::{
    io::{ErrorKind, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use diem_core::{
    Address, BlockInfo, Time,
    context::{Misbehaviour, MisbehaviourKind},
};
use diem_runtime::{
    App, Options,
    hooks::{Hooks, Run},
};
use diem_testkit::{TestChain, TxBuilder, chain::block_hash};
use diem_types::Call;
use diem_types::TxResult;
use serde_json::{Value, json};

use super::{
    observe::{Numbers, observe, outcome},
    scene::Scene,
    tally::Tally,
    translate::translate,
};

/// The content of one block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The time of the block.
    pub(crate) time: u64,
    /// Who voted twice: (number of the validator, at which height, at which time).
    pub(crate) evidence: Vec<(usize, u64, u64)>,
    /// Calls with their senders, each a transaction of its own.
    pub(crate) calls: Vec<(Address, Call)>,
}

/// A chain on which a history is played, and what was seen of it.
pub(crate) struct Play<'a> {
    scene: &'a Scene,
    chain: TestChain,
    /// The blocks as the model reads them.
    pub(crate) blocks: Vec<Value>,
    /// What the chain says after genesis' first block and each later one: the results of the calls, the state.
    pub(crate) seen: Vec<(Value, Numbers)>,
    /// The count of what happened.
    pub(crate) tally: Tally,
}

/// The steps of a block; those that process what left stake do nothing where the queues stand still.
fn hooks(scene: &Scene) -> Hooks {
    let mut hooks = Hooks::default();
    for hook in &mut hooks.begin {
        if scene.queues_stand && ["slash_jobs", "unbonded", "cooled_down"].contains(&hook.name) {
            hook.run = Run::Retry(|_| Ok(()));
        }
    }
    hooks
}

impl<'a> Play<'a> {
    /// Starts the chain of a scene.
    pub(crate) fn new(scene: &'a Scene) -> Self {
        let app = App::in_memory(Options { hooks: hooks(scene), ..Options::default() });
        app.init_chain(&scene.doc).expect("a valid genesis");
        let chain = TestChain { app: Arc::new(app), doc: scene.doc.clone(), people: scene.people.clone() };
        Self { scene, chain, blocks: Vec::new(), seen: Vec::new(), tally: Tally::default() }
    }

    /// Height and time of the last block.
    pub(crate) fn last(&self) -> BlockInfo {
        let meta = self.chain.app.store().meta().unwrap();
        BlockInfo { height: meta.height, time: Time(meta.time_ms) }
    }

    /// The chain's state, once there is a block.
    pub(crate) fn state(&self) -> &Numbers {
        &self.seen.last().unwrap().1
    }

    /// Plays a block. A transaction that is invalid - its sender cannot pay the fee - is no part of the history: it
    /// must change nothing.
    pub(crate) fn block(&mut self, plan: &Plan) {
        let mut block = self.chain.next_block();
        block.info.time = Time(plan.time);
        block.misbehaviour = plan.evidence.iter().map(|evidence| self.misbehaviour(*evidence)).collect();
        let txs = self.sign(&plan.calls);
        let finalized = self.chain.app.finalize(&block, block_hash(&block, &txs), &txs).expect("the next block");
        self.chain.app.commit(Vec::new()).expect("a finalized block");
        self.chain.app.check_invariants().unwrap();
        let executed: Vec<(&(Address, Call), &TxResult)> =
            plan.calls.iter().zip(&finalized.results).filter(|(_, result)| result.gas_used > 0).collect();
        let calls: Vec<Value> =
            executed.iter().map(|((sender, call), result)| self.call(sender, call, result)).collect();
        let results: Vec<Value> = executed.iter().map(|(_, result)| outcome(result)).collect();
        for (call, result) in calls.iter().zip(&results) {
            self.tally.call(call["call"].as_str().unwrap(), result);
        }
        let evidence = plan.evidence.iter().map(
            |(number, height, time)| json!({"validator": format!("v{number}"), "height": height, "time_ms": time}),
        );
        self.blocks.push(json!({
            "height": block.info.height,
            "time_ms": plan.time,
            "evidence": evidence.collect::<Vec<_>>(),
            "calls": calls,
        }));
        let state = observe(self.scene, &self.chain.app.store().latest(), block.info);
        if let Some((_, before)) = self.seen.last() {
            self.tally.block(before, &state);
        }
        self.seen.push((Value::Array(results), state));
    }

    fn call(&self, sender: &Address, call: &Call, result: &TxResult) -> Value {
        let (name, args) = translate(self.scene, call);
        json!({"sender": self.scene.name(sender), "fee": result.fee.get().to_string(), "call": name, "args": args})
    }

    fn misbehaviour(&self, (number, height, time): (usize, u64, u64)) -> Misbehaviour {
        let kind = MisbehaviourKind::DuplicateVote;
        let operator = self.scene.named(&format!("v{number}")).address;
        Misbehaviour { kind, validator: self.scene.consensus[&operator], power: 1, height, time: Time(time) }
    }

    fn sign(&self, calls: &[(Address, Call)]) -> Vec<Bytes> {
        let state = self.chain.app.store().latest();
        let signed = calls.iter().enumerate().map(|(place, (sender, call))| {
            let before = calls[..place].iter().filter(|(other, _)| other == sender).count() as u64;
            let person = self.scene.people.iter().find(|person| person.address == *sender).unwrap();
            let nonce = diem_bank::nonce(&state, sender) + before;
            TxBuilder::new(&self.scene.doc, person, nonce, vec![call.clone()]).bytes()
        });
        signed.collect()
    }
}

/// What the model says of a history, block by block: the results of the calls, and the state after it.
pub(crate) fn ask_model(scene: &Scene, blocks: &[Value]) -> Vec<(Value, Numbers)> {
    let history = json!({"genesis": scene.json(), "blocks": blocks});
    let answer = python(&["economy.py"], &serde_json::to_vec(&history).unwrap());
    let lines = answer.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let rows = lines.map(|mut line| {
        let state = serde_json::from_value(line["state"].take()).expect("numbers by name");
        (line["results"].take(), state)
    });
    // The first line is the state of genesis, before any block.
    rows.skip(1).collect()
}

/// Runs Python in the folder of the model and returns what it prints.
///
/// # Panics
/// There is no Python, or it failed.
pub(crate) fn python(args: &[&str], input: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    let spawned = Command::new("python3")
        .args(args)
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "the model of the economy needs python3: run `make setup`, or install it (Debian: apt-get install python3)"
            )
        }
        Err(error) => panic!("python3 does not start: {error}"),
    };
    let mut stdin = child.stdin.take().unwrap();
    // The model reads all of it before it prints anything.
    stdin.write_all(input).expect("the model reads its history");
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the model failed: see its error above");
    String::from_utf8(output.stdout).unwrap()
}
