//! The yardstick that everything is measured against: the time of verifying a signature.

use rayon::prelude::*;

use crate::report::{median, timed};

/// Signed messages to verify whenever a yardstick is needed. It is measured right beside the figure: on a shared
/// machine, a measurement of a minute ago is of another machine.
pub(crate) struct Yardstick {
    signed: Vec<([u8; 32], [u8; 64], [u8; MESSAGE])>,
}

const MESSAGE: usize = 198;
const COUNT: usize = 2_048;
/// The number of signatures of one measurement on one core.
const BURST: usize = 128;

impl Yardstick {
    /// Signs the messages that a measurement verifies.
    pub(crate) fn new() -> Self {
        use ed25519_dalek::Signer as _;
        let signed = (0..COUNT as u32).map(|i| {
            let mut seed = [1; 32];
            seed[..4].copy_from_slice(&i.to_be_bytes());
            let key = ed25519_dalek::SigningKey::from_bytes(&seed);
            let message = [i as u8; MESSAGE];
            (key.verifying_key().to_bytes(), key.sign(&message).to_bytes(), message)
        });
        Self { signed: signed.collect() }
    }

    /// Measures one `verify_strict` of ed25519-dalek on one core, in nanoseconds.
    pub(crate) fn verify_strict(&self) -> f64 {
        let ((), ns) = timed(|| {
            for (key, signature, message) in &self.signed[..BURST] {
                let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).unwrap();
            }
        });
        ns / BURST as f64
    }

    /// Measures one signature in batches of 128 on all cores, in nanoseconds of wall time.
    pub(crate) fn batch(&self) -> f64 {
        let ((), ns) = timed(|| {
            self.signed.par_chunks(128).for_each(|chunk| {
                let mut batch = ed25519_zebra::batch::Verifier::new();
                for (key, signature, message) in chunk {
                    let key = ed25519_zebra::VerificationKeyBytes::from(*key);
                    batch.queue((key, ed25519_zebra::Signature::from_bytes(signature), message));
                }
                batch.verify(rand::rng()).unwrap();
            });
        });
        ns / COUNT as f64
    }

    /// Returns the medians of both, for the table.
    pub(crate) fn medians(&self) -> (f64, f64) {
        let strict = median((0..15).map(|_| self.verify_strict()).collect());
        (strict, median((0..15).map(|_| self.batch()).collect()))
    }
}
