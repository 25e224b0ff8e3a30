//! What it costs to follow Base: a checkpoint's proof, and a chunk of its events proven, applied and paid, beside plain
//! transfers.

use bytes::Bytes;
use diem_base::CheckpointProof;
use diem_bridge::{BridgeVotes, MAX_EVENTS, replay, sealing::batch};
use diem_core::{Address, Amount};
use diem_testkit::{bridge::Bridged, chain::block_hash, far_side::FarSide};

use crate::{
    report::{Report, median, timed},
    yardstick::Yardstick,
};

/// The number of chunks that are measured.
const CHUNKS: u64 = 15;
const TRANSFERS: u64 = 2_000;
/// The address of a bridge, and the proof of a checkpoint of it that a local Base gave once. A proof of Base itself has
/// some more nodes on the way to the same two accounts.
const PROOF: &[u8] = include_bytes!("../../fuzz/tests/data/checkpoint_proof");
/// The number of proofs of one measurement.
const PROOFS: usize = 32;

pub(crate) fn run(report: &mut Report, yardstick: &Yardstick) {
    let (bridge, proof) = PROOF.split_first_chunk::<20>().unwrap();
    let verified = || CheckpointProof::decode(proof).unwrap().verify(&Address(*bridge)).unwrap();
    let all = || (0..PROOFS).for_each(|_| _ = std::hint::black_box(verified()));
    let cost = || timed(all).1 / PROOFS as f64 / yardstick.verify_strict();
    report.fact("a checkpoint's proof, decoded and verified", median((0..15).map(|_| cost()).collect()), "signatures");

    let chain = Bridged::with_batch();
    let app = &chain.chain.app;
    let mut far = FarSide::of(app);
    far.execute(&batch(&app.store().latest(), 1).unwrap());
    far.follow(&chain);

    let recipient = |number: u64| Address(diem_core::keccak256(&number.to_be_bytes())[..20].try_into().unwrap());
    let (mut checks, mut homes, mut transfers, mut both) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..CHUNKS {
        for number in 0..MAX_EVENTS as u64 {
            far.burn(recipient(round * MAX_EVENTS as u64 + number), Amount::new(1_000));
        }
        far.attest(&chain);
        let missing = replay::missing(&app.store().latest()).unwrap();
        let chunk = far.journal.chunk_up_to(missing.first, missing.last).unwrap();
        let state = app.store().latest();
        checks.push(timed(|| replay::check(&state, &chunk).unwrap()).1);
        let votes = Bytes::from(BridgeVotes { statements: Vec::new(), chunk: Some(chunk) }.encode());
        let nonce = diem_bank::nonce(&state, &chain.chain.people[1].address);
        let plain: Vec<Bytes> =
            (0..TRANSFERS).map(|more| chain.chain.transfer(1, nonce + more, 2, 5).bytes()).collect();
        app.verify_signatures(&plain);
        let with: Vec<Bytes> = std::iter::once(votes.clone()).chain(plain.iter().cloned()).collect();
        let block = chain.chain.next_block();
        let time = |txs: &[Bytes]| {
            let hash = block_hash(&block, txs);
            let (accepted, ns) = timed(|| app.process(&block, hash, txs));
            accepted.unwrap();
            ns
        };
        let nothing = time(&[]);
        transfers.push(time(&plain) - nothing);
        both.push(time(&with) - nothing);
        homes.push(time(&[votes]) - nothing);
        // The block with the chunk alone is the one that is decided.
        let txs = with[..1].to_vec();
        app.finalize(&block, block_hash(&block, &txs), &txs).unwrap();
        app.commit(Vec::new()).unwrap();
    }
    let [checks, homes, transfers, both] = [checks, homes, transfers, both].map(median);
    let events = MAX_EVENTS as f64;
    let transfer = transfers / TRANSFERS as f64;
    report.fact("200 burns proven, applied and paid, each", homes / events / transfer, "transfers");
    report.fact("  their proof alone, each", checks / events / transfer, "transfers");
    report.fact("2,000 transfers beside such a chunk / without it", both / transfers, "ratio");
}
