//! What the simulation executes is what a chain executes: the same plans, signed, through an application.

use bytes::Bytes;
use diem_core::{Block, StateRead};
use diem_overlay::MemoryRows;
use diem_runtime::{App, Options, hooks::Hooks};
use diem_testkit::{Rng, chain::block_hash};

use super::{
    generate::Generator,
    machine::Machine,
    plan::{Op, Plan},
    world::World,
};

/// Signs what the simulation leaves unsigned.
fn sign(machine: &Machine<'_>, ops: &[Op]) -> Vec<Bytes> {
    let mut nonces = std::collections::BTreeMap::new();
    let bytes = ops.iter().map(|op| {
        let sender = machine.world.address(op.sender);
        let nonce = nonces.entry(op.sender).or_insert_with(|| diem_bank::nonce(&machine.state, &sender));
        let tx = machine.transaction(op, *nonce);
        *nonce += 1;
        let key = |place: usize| &machine.world.actors[place].person.key;
        Bytes::from(tx.sign(key(op.sender), tx.fee_payer.map(|_| key(World::PAYER))).unwrap())
    });
    bytes.collect()
}

/// All rows of the state.
fn rows(app: &App) -> MemoryRows {
    app.store().latest().range(&[], None, usize::MAX).into_iter().collect()
}

#[test]
fn an_application_gives_the_same_results_and_rows() {
    for seed in 1..=3 {
        let mut rng = Rng::new(seed);
        let world = World::new(&mut rng);
        let mut generator = Generator::new(rng);
        let mut machine = Machine::new(&world, Hooks::default());
        let app = App::in_memory(Options::default());
        app.init_chain(&world.doc).unwrap();
        for _ in 0..40 {
            // Governance has no way into an application yet, and an application restarts in another home.
            let plan = Plan { steps: Vec::new(), restart: false, ..generator.block(&machine) };
            let txs = sign(&machine, &plan.ops);
            let block: Block = machine.next_block(&plan);
            let finalized = app.finalize(&block, block_hash(&block, &txs), &txs).unwrap();
            app.commit(Vec::new()).unwrap();
            machine.play(&plan).unwrap_or_else(|violation| panic!("{violation:?}"));
            assert_eq!(machine.results, finalized.results, "seed {seed}, block {}", block.info.height);
        }
        assert!(rows(&app) == machine.state, "seed {seed}: the rows differ");
        assert!(machine.tally.operations() > 500);
    }
}
