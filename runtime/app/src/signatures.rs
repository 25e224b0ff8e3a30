//! Transactions and their signatures, and those of the statements inside them: decoded once, verified once, in
//! parallel batches, and remembered.
//!
//! What is remembered is a pure function of a transaction's or a statement's bytes, so a hit or a miss can never
//! change a result: it only saves the work. Of transactions only those with good signatures are remembered; a bad one
//! costs its sender nothing to repeat, and us no memory.
//!
//! Statements are verified once their transaction may wait in the pool, or is in a proposal: who cannot pay has none
//! verified. Bad ones are remembered too: a block can hold them, and they are paid for.

use std::sync::Arc;

use bytes::Bytes;
use diem_core::{
    Address, Statement, Verifier, encode,
    keys::{Auth, CompactSignature, SignatureError, check_ed25519_key},
    sha256,
    tx::{TxHash, tx_hash},
    typed_data,
};
use diem_types::{ChainError, Signed, statements};
use ed25519_zebra::batch::Verifier as Batch;
use hashbrown::HashMap;
use parking_lot::RwLock;
use rayon::prelude::*;

/// The number of signatures that are verified together. Larger batches gain little and spread worse over cores.
const BATCH: usize = 128;

/// The number of look-ups that are worth a thread.
const LOOK_UPS: usize = 512;

/// The number of transactions whose decoding is worth a thread.
const DECODINGS: usize = 64;

/// The memory for decoded transactions, in bytes for each signature that may be remembered. Decoded transactions are
/// needed from their arrival to the block, which is sooner over than a signature is forgotten.
const DECODED_BYTES: usize = 160;

/// The memory of a decoded transaction in bytes, beside [`DECODED_FACTOR`] times its encoded size.
const DECODED_BASE: usize = 1024;
const DECODED_FACTOR: usize = 3;

/// The number of signers that are worth a thread to recover.
const RECOVERIES: usize = 8;

/// The number of recovered signers that are remembered: those of the statements of dozens of blocks.
const SIGNERS: usize = 16_384;

/// A transaction as it arrives: decoded and with good signatures, or why not.
pub(crate) type Decoded = Result<Arc<Signed>, ChainError>;

/// The domain tag: the first bytes of what is hashed to the name of a statement with its signature.
const STATEMENT_TAG: &[u8] = b"diem-statement/1";

/// The domain tag: the first bytes of what is hashed to the name of a digest with its signature.
const SIGNER_TAG: &[u8] = b"diem-signer/1";

/// The transactions that were decoded, and the signatures that were verified.
pub(crate) struct Signatures {
    capacity: usize,
    /// Transactions with good signatures, so that the API, CheckTx, its rechecks and the block share one decoding.
    decoded: RwLock<Generations<Arc<Signed>>>,
    /// Transactions whose signatures are good, and whether the statements inside were learned while it waited.
    txs: RwLock<Generations<bool>>,
    /// The verdicts on statements.
    statements: RwLock<Generations<Result<(), SignatureError>>>,
    /// The signers that were recovered for the bridge, by digest and signature.
    signers: RwLock<Generations<Result<Address, SignatureError>>>,
}

/// What was learned, by hash, in two generations: when the younger one is full the older one is dropped. It is only
/// looked up, so its order is never seen.
struct Generations<V> {
    young: HashMap<[u8; 32], V>,
    old: HashMap<[u8; 32], V>,
    /// The sum of what the entries of the younger generation weigh.
    weight: usize,
}

impl Signatures {
    /// Remembers at most `capacity` transactions and as many statements.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity / 2,
            decoded: RwLock::default(),
            txs: RwLock::default(),
            statements: RwLock::default(),
            signers: RwLock::default(),
        }
    }

    /// Decodes one transaction and verifies its signatures, unless it is remembered.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Decoded {
        let hash = tx_hash(bytes);
        if let Some(tx) = self.decoded.read().get(&hash) {
            return Ok(tx);
        }
        let tx = Arc::new(Signed::decode_with_hash(bytes, hash)?);
        self.verify(&tx)?;
        self.share([&tx]);
        Ok(tx)
    }

    /// Decodes many and verifies them: those that are not remembered, in parallel. It gives one answer for each, the
    /// one that [`Self::decode`] would give.
    pub(crate) fn decode_all(&self, txs: &[Bytes]) -> Vec<Decoded> {
        let remembered: Vec<Result<Arc<Signed>, TxHash>> = {
            let decoded = self.decoded.read();
            let look_up = |bytes: &Bytes| {
                let hash = tx_hash(bytes);
                decoded.get(&hash).ok_or(hash)
            };
            txs.par_iter().with_min_len(LOOK_UPS).map(look_up).collect()
        };
        let mut fresh: Vec<Decoded> = txs
            .par_iter()
            .zip(&remembered)
            .with_min_len(DECODINGS)
            .filter_map(|(bytes, remembered)| remembered.as_ref().err().map(|hash| (bytes, *hash)))
            .map(|(bytes, hash)| Ok(Arc::new(Signed::decode_with_hash(bytes, hash)?)))
            .collect();
        self.verify_fresh(&mut fresh);
        self.share(fresh.iter().flatten());
        let mut fresh = fresh.into_iter();
        // There is one for each that was not remembered; a missing one counts as a bad one.
        let missing = || Err(SignatureError::Invalid.into());
        remembered.into_iter().map(|tx| tx.or_else(|_| fresh.next().unwrap_or_else(missing))).collect()
    }

    /// Puts the error in the place of each transaction whose signatures are bad.
    fn verify_fresh(&self, txs: &mut [Decoded]) {
        let verdicts = {
            let decoded: Vec<&Signed> = txs.iter().flatten().map(|tx| &**tx).collect();
            self.verify_all(&decoded)
        };
        for (tx, verdict) in txs.iter_mut().filter(|tx| tx.is_ok()).zip(verdicts) {
            if let Err(error) = verdict {
                *tx = Err(error.into());
            }
        }
    }

    /// Remembers transactions with good signatures.
    fn share<'a>(&self, txs: impl IntoIterator<Item = &'a Arc<Signed>>) {
        let capacity = self.capacity.saturating_mul(DECODED_BYTES);
        let mut dropped = Vec::new();
        let mut decoded = self.decoded.write();
        for tx in txs {
            let weight = tx.size.saturating_mul(DECODED_FACTOR).saturating_add(DECODED_BASE);
            dropped.extend(decoded.insert(tx.hash, Arc::clone(tx), weight, capacity));
        }
        drop(decoded);
        // To free thousands of transactions takes long, so it comes after the lock.
        drop(dropped);
    }

    /// Verifies one transaction, unless it is remembered.
    fn verify(&self, tx: &Signed) -> Result<(), SignatureError> {
        if self.txs.read().get(&tx.hash).is_some() {
            return Ok(());
        }
        tx.verify()?;
        self.txs.write().insert(tx.hash, false, 1, self.capacity);
        Ok(())
    }

    /// Verifies many: those that are not remembered, in parallel batches. It returns one answer for each, the one that
    /// [`Self::verify`] would give.
    fn verify_all(&self, txs: &[&Signed]) -> Vec<Result<(), SignatureError>> {
        let known: Vec<bool> = {
            let known = self.txs.read();
            txs.par_iter().with_min_len(LOOK_UPS).map(|tx: &&Signed| known.get(&tx.hash).is_some()).collect()
        };
        let unknown: Vec<&Signed> = txs.iter().zip(&known).filter(|(_, known)| !**known).map(|(tx, _)| *tx).collect();
        let verdicts = in_batches(&unknown);
        {
            let mut remembered = self.txs.write();
            for (tx, _) in unknown.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()) {
                remembered.insert(tx.hash, false, 1, self.capacity);
            }
        }
        let mut verdicts = verdicts.into_iter();
        // A missing verdict counts as a bad one.
        let verdict =
            |known: &bool| if *known { Ok(()) } else { verdicts.next().unwrap_or(Err(SignatureError::Invalid)) };
        known.iter().map(verdict).collect()
    }

    /// Does the work of [`Self::learn_statements`] for a transaction that waits in the pool, and does it once, because
    /// the transaction is checked again after every block.
    pub(crate) fn learn_waiting(&self, tx: &Signed) {
        let has_statements = statements(&tx.tx).next().is_some();
        if has_statements && self.txs.read().get(&tx.hash) != Some(true) {
            self.learn_statements([tx]);
            self.txs.write().insert(tx.hash, true, 1, self.capacity);
        }
    }

    /// Verifies the statements inside these transactions that are not remembered, in parallel batches, for execution.
    pub(crate) fn learn_statements<'a>(&self, txs: impl IntoIterator<Item = &'a Signed>) {
        let statements: Vec<Box<dyn Statement + 'a>> = txs.into_iter().flat_map(|tx| statements(&tx.tx)).collect();
        if statements.is_empty() {
            return;
        }
        // Hashing takes long, so it comes before the lock.
        let named: Vec<(TxHash, &dyn Statement)> =
            statements.par_iter().with_min_len(BATCH).map(|statement| (name(&**statement), &**statement)).collect();
        let unknown: Vec<(TxHash, &dyn Statement)> = {
            let known = self.statements.read();
            named.into_par_iter().with_min_len(LOOK_UPS).filter(|(name, _)| known.get(name).is_none()).collect()
        };
        let signed: Vec<&dyn Statement> = unknown.iter().map(|(_, statement)| *statement).collect();
        let verdicts = in_batches(&signed);
        let mut remembered = self.statements.write();
        for ((name, _), verdict) in unknown.into_iter().zip(verdicts) {
            remembered.insert(name, verdict, 1, self.capacity);
        }
    }
}

impl Signatures {
    /// Recovers the signers that are not remembered, in parallel, for the checks that follow.
    pub(crate) fn learn_signers(&self, signed: &[([u8; 32], CompactSignature)]) {
        let unknown: Vec<(TxHash, &([u8; 32], CompactSignature))> = {
            let known = self.signers.read();
            let named = signed.iter().map(|one| (signer_name(&one.1, &one.0), one));
            named.filter(|(name, _)| known.get(name).is_none()).collect()
        };
        let recover =
            |(name, (digest, signature)): (TxHash, &([u8; 32], CompactSignature))| (name, signature.recover(digest));
        let recovered: Vec<_> = unknown.into_par_iter().with_min_len(RECOVERIES).map(recover).collect();
        let mut signers = self.signers.write();
        for (name, signer) in recovered {
            signers.insert(name, signer, 1, SIGNERS);
        }
    }
}

impl Verifier for Signatures {
    fn verify(&self, statement: &dyn Statement) -> Result<(), SignatureError> {
        let name = name(statement);
        let known = self.statements.read().get(&name);
        known.unwrap_or_else(|| statement.verify())
    }

    fn recover(&self, signature: &CompactSignature, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        let name = signer_name(signature, digest);
        if let Some(signer) = self.signers.read().get(&name) {
            return signer;
        }
        let signer = signature.recover(digest);
        self.signers.write().insert(name, signer, 1, SIGNERS);
        signer
    }
}

/// Names a digest together with the signature over it.
fn signer_name(signature: &CompactSignature, digest: &[u8; 32]) -> [u8; 32] {
    sha256(&[SIGNER_TAG, digest, &signature.0])
}

/// Names a statement together with its signature: two that differ in anything have two names.
fn name(statement: &dyn Statement) -> [u8; 32] {
    sha256(&[STATEMENT_TAG, &statement.signer().0, &encode(statement.auth()), &statement.message()])
}

impl<V> Default for Generations<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0 }
    }
}

impl<V: Clone> Generations<V> {
    fn get(&self, hash: &[u8; 32]) -> Option<V> {
        self.young.get(hash).or_else(|| self.old.get(hash)).cloned()
    }

    /// Adds an entry. Where the younger generation has no room for its weight, gives back the older one, which is no
    /// longer part of this.
    fn insert(&mut self, hash: [u8; 32], value: V, weight: usize, capacity: usize) -> Option<HashMap<[u8; 32], V>> {
        let full = self.weight.saturating_add(weight) > capacity;
        let dropped = full.then(|| {
            self.weight = 0;
            std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
        });
        self.weight = self.weight.saturating_add(weight);
        self.young.insert(hash, value);
        dropped
    }
}

/// An item whose signatures can be verified alone, or in one batch with those of others.
trait Batched: Sync {
    fn alone(&self) -> Result<(), SignatureError>;

    /// Queues ed25519 signatures, verifies Ethereum's at once, and checks that keys belong to their addresses.
    fn queue(&self, batch: &mut Batch) -> Result<(), SignatureError>;
}

impl Batched for &Signed {
    fn alone(&self) -> Result<(), SignatureError> {
        self.verify()
    }

    fn queue(&self, batch: &mut Batch) -> Result<(), SignatureError> {
        self.signatures().try_for_each(|(address, auth)| {
            queue(batch, address, auth, self.message(), || typed_data::digest(&self.tx))
        })
    }
}

impl Batched for &dyn Statement {
    fn alone(&self) -> Result<(), SignatureError> {
        self.verify()
    }

    fn queue(&self, batch: &mut Batch) -> Result<(), SignatureError> {
        queue(batch, self.signer(), self.auth(), &self.message(), || self.digest())
    }
}

fn queue(
    batch: &mut Batch,
    address: &Address,
    auth: &Auth,
    message: &[u8],
    digest: impl FnOnce() -> [u8; 32],
) -> Result<(), SignatureError> {
    let Auth::Ed25519 { public_key, signature } = auth else { return auth.verify(address, message, digest) };
    check_ed25519_key(public_key, address)?;
    batch.queue((
        ed25519_zebra::VerificationKeyBytes::from(*public_key),
        ed25519_zebra::Signature::from_bytes(signature),
        message,
    ));
    Ok(())
}

/// Returns one verdict for each item.
fn in_batches<T: Batched>(items: &[T]) -> Vec<Result<(), SignatureError>> {
    items.par_chunks(BATCH).flat_map_iter(verify_batch).collect()
}

/// Verifies the ed25519 signatures of a chunk as one equation. If that fails, each is verified alone: under ZIP-215
/// both ways agree, so the verdicts do not depend on who shared a batch with whom.
fn verify_batch<T: Batched>(items: &[T]) -> Vec<Result<(), SignatureError>> {
    let mut batch = Batch::new();
    // What cannot be queued is verified alone: of two bad signatures the first must be named, whichever is found first.
    let queued = |item: &T| item.queue(&mut batch).or_else(|error| item.alone().and(Err(error)));
    let mut verdicts: Vec<Result<(), SignatureError>> = items.iter().map(queued).collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "a batch needs weights nobody can foresee; no verdict depends on them"
    )]
    let weights = rand::rng();
    if batch.verify(weights).is_err() {
        for (item, verdict) in items.iter().zip(&mut verdicts).filter(|(_, verdict)| verdict.is_ok()) {
            *verdict = item.alone();
        }
    }
    verdicts
}
