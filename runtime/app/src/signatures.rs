//! Signatures: verified once, in parallel batches, and remembered.
//!
//! What is remembered is a pure function of a transaction's bytes, so a hit or a miss can never change a result: it
//! only saves the work. Only good signatures are remembered; a bad one costs its sender nothing to repeat, and us no
//! memory.

use diem_core::{
    keys::{Auth, SignatureError, check_ed25519_key},
    tx::TxHash,
    typed_data,
};
use diem_types::Signed;
use hashbrown::HashSet;
use parking_lot::RwLock;
use rayon::prelude::*;

/// How many transactions are verified together. Larger batches gain little and spread worse over cores.
const BATCH: usize = 128;

/// How many look-ups are worth a thread.
const LOOK_UPS: usize = 512;

/// The transactions whose signatures were found good, in two generations: when the younger is full the older goes.
pub(crate) struct Signatures {
    capacity: usize,
    known: RwLock<Generations>,
}

/// Only ever looked into: their order is never seen.
#[derive(Default)]
struct Generations {
    young: HashSet<TxHash>,
    old: HashSet<TxHash>,
}

impl Signatures {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity / 2, known: RwLock::default() }
    }

    /// Verifies one transaction, unless it is remembered.
    pub(crate) fn verify(&self, tx: &Signed) -> Result<(), SignatureError> {
        if self.known.read().contains(&tx.hash) {
            return Ok(());
        }
        tx.verify()?;
        self.known.write().insert(tx.hash, self.capacity);
        Ok(())
    }

    /// Verifies many, those that are not remembered in parallel batches. One answer for each, as [`Self::verify`]
    /// would give it.
    pub(crate) fn verify_all(&self, txs: &[&Signed]) -> Vec<Result<(), SignatureError>> {
        let known: Vec<bool> = {
            let known = self.known.read();
            txs.par_iter().with_min_len(LOOK_UPS).map(|tx| known.contains(&tx.hash)).collect()
        };
        let unknown: Vec<&Signed> = txs.iter().zip(&known).filter(|(_, known)| !**known).map(|(tx, _)| *tx).collect();
        let verdicts: Vec<Result<(), SignatureError>> = unknown.par_chunks(BATCH).flat_map_iter(verify_batch).collect();
        {
            let mut remembered = self.known.write();
            for (tx, _) in unknown.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()) {
                remembered.insert(tx.hash, self.capacity);
            }
        }
        let mut verdicts = verdicts.into_iter();
        // A verdict that is missing is no good one.
        let verdict =
            |known: &bool| if *known { Ok(()) } else { verdicts.next().unwrap_or(Err(SignatureError::Invalid)) };
        known.iter().map(verdict).collect()
    }
}

impl Generations {
    fn contains(&self, hash: &TxHash) -> bool {
        self.young.contains(hash) || self.old.contains(hash)
    }

    fn insert(&mut self, hash: TxHash, capacity: usize) {
        if self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash);
    }
}

/// Verifies the ed25519 signatures of a chunk as one equation. If that fails, each is verified alone: under ZIP-215
/// both ways agree, so the verdicts do not depend on who shared a batch with whom.
fn verify_batch(txs: &[&Signed]) -> Vec<Result<(), SignatureError>> {
    let mut batch = ed25519_zebra::batch::Verifier::new();
    let mut verdicts: Vec<Result<(), SignatureError>> = txs.iter().map(|tx| queue_or_verify(tx, &mut batch)).collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "a batch needs weights nobody can foresee; no verdict depends on them"
    )]
    let weights = rand::rng();
    if batch.verify(weights).is_err() {
        for (tx, verdict) in txs.iter().zip(&mut verdicts).filter(|(_, verdict)| verdict.is_ok()) {
            *verdict = tx.verify();
        }
    }
    verdicts
}

/// Queues ed25519 signatures, verifies Ethereum's at once, and checks that keys belong to their addresses. What is
/// refused here is verified alone, because of two bad signatures the first must be named, whichever is found first.
fn queue_or_verify(tx: &Signed, batch: &mut ed25519_zebra::batch::Verifier) -> Result<(), SignatureError> {
    queue(tx, batch).or_else(|error| match tx.verify() {
        Ok(()) => Err(error),
        verdict => verdict,
    })
}

fn queue(tx: &Signed, batch: &mut ed25519_zebra::batch::Verifier) -> Result<(), SignatureError> {
    for (address, auth) in tx.signatures() {
        match auth {
            Auth::Ed25519 { public_key, signature } => {
                check_ed25519_key(public_key, address)?;
                batch.queue((
                    ed25519_zebra::VerificationKeyBytes::from(*public_key),
                    ed25519_zebra::Signature::from_bytes(signature),
                    tx.message(),
                ));
            }
            Auth::Ethereum { .. } => auth.verify(address, tx.message(), || typed_data::digest(&tx.tx))?,
        }
    }
    Ok(())
}
