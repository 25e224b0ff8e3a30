//! What everything is measured against: verifying a signature.

use rayon::prelude::*;

use crate::report::{median, timed};

/// Costs of verification on this machine, now.
pub(crate) struct Yardstick {
    /// One `verify_strict` of ed25519-dalek, one core, in nanoseconds.
    pub(crate) verify_strict_ns: f64,
    /// One signature in batches of 128 on all cores, in nanoseconds of wall time.
    pub(crate) batch_ns: f64,
}

const MESSAGE: usize = 198;
const COUNT: usize = 4_096;

/// Measures both.
pub(crate) fn measure() -> Yardstick {
    use ed25519_dalek::Signer as _;
    let signed: Vec<_> = (0..COUNT as u32)
        .map(|i| {
            let mut seed = [1; 32];
            seed[..4].copy_from_slice(&i.to_be_bytes());
            let key = ed25519_dalek::SigningKey::from_bytes(&seed);
            let message = [i as u8; MESSAGE];
            (key.verifying_key().to_bytes(), key.sign(&message).to_bytes(), message)
        })
        .collect();
    let strict = || {
        let slice = &signed[..COUNT / 4];
        let ((), ns) = timed(|| {
            for (key, signature, message) in slice {
                let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).unwrap();
            }
        });
        ns / slice.len() as f64
    };
    let batch = || {
        let ((), ns) = timed(|| {
            signed.par_chunks(128).for_each(|chunk| {
                let mut batch = ed25519_zebra::batch::Verifier::new();
                for (key, signature, message) in chunk {
                    let key = ed25519_zebra::VerificationKeyBytes::from(*key);
                    batch.queue((key, ed25519_zebra::Signature::from_bytes(signature), message));
                }
                batch.verify(rand::rng()).unwrap();
            });
        });
        ns / COUNT as f64
    };
    Yardstick {
        verify_strict_ns: median((0..9).map(|_| strict()).collect()),
        batch_ns: median((0..9).map(|_| batch()).collect()),
    }
}
