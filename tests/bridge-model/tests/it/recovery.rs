//! The precompiled contract that recovers signers, by the library that the rest of the project signs with: it is several
//! times faster than the one that the EVM brings along.

use diem_core::keys::ethereum_address;
use revm::precompile::{Crypto, PrecompileHalt};
use secp256k1::{
    Message,
    ecdsa::{RecoverableSignature, RecoveryId},
};

#[derive(Debug)]
struct Recovery;

impl Crypto for Recovery {
    fn secp256k1_ecrecover(&self, sig: &[u8; 64], recid: u8, msg: &[u8; 32]) -> Result<[u8; 32], PrecompileHalt> {
        let recover = || {
            let id = RecoveryId::try_from(i32::from(recid)).ok()?;
            let key =
                RecoverableSignature::from_compact(sig, id).ok()?.recover_ecdsa(Message::from_digest(*msg)).ok()?;
            let mut word = [0; 32];
            word[12..].copy_from_slice(&ethereum_address(&key).0);
            Some(word)
        };
        recover().ok_or(PrecompileHalt::Secp256k1RecoverFailed)
    }
}

/// Puts it in place for all EVMs of the process.
pub(crate) fn install() {
    // Another test of this process may have put it there already.
    let _ = revm::install_crypto(Recovery);
}
