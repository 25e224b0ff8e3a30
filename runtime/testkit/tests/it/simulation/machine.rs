//! A chain that lives plans, block by block, and is looked at after each.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
};

use diem_core::{
    Block, BlockInfo, Events, Time,
    context::{ConsensusAddress, Misbehaviour, MisbehaviourKind, Vote},
    keys::{Auth, SecretKey},
};
use diem_overlay::{MemoryRows, Overlay};
use diem_runtime::{
    hooks::Hooks,
    simulation::{self, Simulated, Simulation},
};
use diem_types::TxResult;
use diem_types::{Event, Signed, Tx};

use super::{
    ledger::Ledger,
    plan::{Evidence, Op, Plan, Step},
    restart,
    snapshot::Snapshot,
    spends::Spends,
    tally::Tally,
    world::World,
};

/// A violation of a rule of the economy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The rule that it breaks: a shorter history must break the same one.
    pub(crate) rule: &'static str,
    /// The description of the violation.
    pub(crate) text: String,
}

/// Makes the violation of a rule.
pub(crate) fn broken(rule: &'static str, text: impl Into<String>) -> Violation {
    Violation { rule, text: text.into() }
}

/// The chain that lives a history.
pub(crate) struct Machine<'a> {
    pub(crate) world: &'a World,
    hooks: Hooks,
    simulation: Simulation,
    pub(crate) state: MemoryRows,
    /// The last block; before the first one, genesis.
    pub(crate) last: BlockInfo,
    /// The validators of the next commits, as consensus was told.
    sets: VecDeque<Vec<ConsensusAddress>>,
    pub(crate) snapshot: Snapshot,
    ledger: Ledger,
    pub(crate) tally: Tally,
    /// The results of the last block's transactions.
    pub(crate) results: Vec<TxResult>,
}

impl<'a> Machine<'a> {
    /// Starts the chain of a world.
    pub(crate) fn new(world: &'a World, hooks: Hooks) -> Self {
        let (simulation, state) = Simulation::start(&world.doc, hooks.clone()).expect("a valid genesis");
        let last = BlockInfo { height: world.doc.initial_height - 1, time: world.doc.genesis_time };
        let snapshot = Snapshot::of(&state);
        let ledger = Ledger::new(&snapshot, last.time);
        let sets = std::iter::repeat_n(consensus_set(&snapshot), 3).collect();
        Self {
            world,
            hooks,
            simulation,
            state,
            last,
            sets,
            snapshot,
            ledger,
            tally: Tally::default(),
            results: Vec::new(),
        }
    }

    /// Lives a block and checks everything after it.
    pub(crate) fn play(&mut self, plan: &Plan) -> Result<(), Violation> {
        match catch_unwind(AssertUnwindSafe(|| self.block(plan))) {
            Ok(outcome) => outcome,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
                Err(broken("nothing panics", text.unwrap_or_default()))
            }
        }
    }

    fn block(&mut self, plan: &Plan) -> Result<(), Violation> {
        let governed = plan.steps.iter().flat_map(|step| self.govern(step)).collect();
        let block = self.next_block(plan);
        let info = block.info;
        let txs = self.transactions(&plan.ops);
        let spends = Spends::of(&txs);
        let done = self.simulation.block(&self.state, &block, txs);
        let Simulated { results, writes, validator_updates, events } =
            done.map_err(|fatal| broken("no step fails that must not", fatal.0))?;
        self.state.apply(&writes);
        let before = std::mem::replace(&mut self.snapshot, Snapshot::of(&self.state));
        let last = std::mem::replace(&mut self.last, info);
        self.sets.pop_front();
        self.sets.push_back(consensus_set(&self.snapshot));
        let events = decode(&events)?;
        self.tally.block(plan, &results, &events)?;
        spends.check(&results, &before, &self.snapshot)?;
        let called = results.iter().filter(|result| result.code == 0).map(|result| decode(&result.events));
        let called: Vec<Vec<Event>> = called.collect::<Result<_, _>>()?;
        self.ledger.fees(&results);
        self.ledger.time(&before, last.time, info.time);
        let params = &self.snapshot.app.credits.params;
        for events in [governed, events].into_iter().chain(called) {
            self.ledger.events(&before, params, events, info.time)?;
        }
        self.ledger.updates(&validator_updates, &self.snapshot)?;
        self.results = results;
        self.ledger.check(&self.snapshot)?;
        self.snapshot.check()?;
        simulation::check_invariants(&self.state).map_err(|text| broken("the modules' own invariants", text))?;
        if plan.restart { self.restart() } else { Ok(()) }
    }

    /// The block of a plan.
    pub(crate) fn next_block(&self, plan: &Plan) -> Block {
        let info = BlockInfo { height: self.last.height + 1, time: Time(plan.time) };
        let misbehaviour = plan.evidence.iter().map(|evidence| self.misbehaviour(evidence)).collect();
        Block { info, proposer: [1; 20], votes: self.votes(&plan.missed), misbehaviour }
    }

    fn govern(&mut self, step: &Step) -> Vec<Event> {
        let mut events = Events::default();
        let (good, writes) = {
            let mut overlay = Overlay::new(&self.state);
            let good = match step {
                Step::Staking(params) => diem_staking::set_params(&mut overlay, params).is_ok(),
                Step::Emissions(params) => diem_emissions::set_params(&mut overlay, params).is_ok(),
                Step::Credits(params) => diem_credits::params::set_params(&mut overlay, params).is_ok(),
                Step::Schedule(segment) => diem_emissions::change_schedule(&mut overlay, *segment).is_ok(),
                Step::Forgery(operator, bps) => {
                    let slash = diem_staking::punish_forgery(&mut overlay, &mut events, operator, *bps);
                    matches!(slash, Ok(Some(_)))
                }
            };
            (good, overlay.into_writes())
        };
        self.tally.step(step, good);
        if !good {
            return Vec::new();
        }
        self.state.apply(&writes);
        self.snapshot.schedule = diem_emissions::schedule(&self.state);
        Event::decode_all(&events.into_bytes()).expect("events decode")
    }

    fn votes(&self, missed: &[usize]) -> Vec<Vote> {
        let away = |name: &ConsensusAddress| missed.iter().any(|number| self.world.validators[*number].name == *name);
        let set = self.sets.front().into_iter().flatten();
        set.map(|name| Vote { validator: *name, power: 1, signed: !away(name) }).collect()
    }

    fn misbehaviour(&self, evidence: &Evidence) -> Misbehaviour {
        let Evidence { who, height, time, light_client } = *evidence;
        let kind = if light_client { MisbehaviourKind::LightClientAttack } else { MisbehaviourKind::DuplicateVote };
        let validator = self.world.validators.get(who).map_or([9; 20], |validator| validator.name);
        Misbehaviour { kind, validator, power: 1, height, time: Time(time) }
    }

    /// The transactions of a block, each with the next nonce of its sender, and a signature of the right length.
    fn transactions(&self, ops: &[Op]) -> Vec<Signed> {
        let mut nonces = BTreeMap::new();
        let signed = ops.iter().map(|op| {
            let sender = self.world.address(op.sender);
            let nonce = nonces.entry(op.sender).or_insert_with(|| diem_bank::nonce(&self.state, &sender));
            let tx = self.transaction(op, *nonce);
            *nonce += 1;
            let auth = |place: usize| unsigned(&self.world.actors[place].person.key);
            let bytes = tx.with_auth(&auth(op.sender), tx.fee_payer.map(|_| auth(World::PAYER)).as_ref());
            Signed::decode(&bytes).expect("a well-formed transaction")
        });
        signed.collect()
    }

    /// The transaction of an operation.
    pub(crate) fn transaction(&self, op: &Op, nonce: u64) -> Tx {
        let genesis_hash = self.simulation.genesis_hash();
        Tx {
            chain_id: self.world.doc.chain_id.clone(),
            genesis_hash,
            sender: self.world.address(op.sender),
            nonce,
            expiry: u64::MAX,
            gas_price: self.world.doc.app.gas.min_price,
            max_fee: diem_core::Amount::ONE,
            fee_payer: (op.paid && op.sender != World::PAYER).then(|| self.world.address(World::PAYER)),
            calls: vec![op.call(self.world, genesis_hash)],
            memo: String::new(),
        }
    }

    /// Starts the chain again from its own export.
    fn restart(&mut self) -> Result<(), Violation> {
        let (simulation, state) = restart::restart(&self.state, self.last, &self.hooks)?;
        (self.simulation, self.state) = (simulation, state);
        let again = Snapshot::of(&self.state);
        if again.app != self.snapshot.app {
            return Err(broken("an export is the state", "a second export says something else"));
        }
        self.tally.restart();
        Ok(())
    }
}

fn decode(bytes: &[u8]) -> Result<Vec<Event>, Violation> {
    Event::decode_all(bytes).map_err(|error| broken("events decode", error.to_string()))
}

/// What stands in the place of a signature.
fn unsigned(key: &SecretKey) -> Auth {
    match key {
        SecretKey::Ed25519(_) => Auth::Ed25519 { public_key: [0; 32], signature: [0; 64] },
        SecretKey::Ethereum(_) => Auth::Ethereum { signature: [0; 65] },
    }
}

fn consensus_set(snapshot: &Snapshot) -> Vec<ConsensusAddress> {
    snapshot.staking().consensus_set.iter().map(|(key, _)| diem_staking::consensus_address(key)).collect()
}
