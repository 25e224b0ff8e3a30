//! What the bridge's contract can be asked to do, as the bytes of a transaction.

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall as _;
use diem_bridge::{Batch, Preimage, SignatureList, ValidatorSet};
use diem_core::{Address, Amount};

use crate::{
    contract::abi::DiemBridge::{
        burnCall, installProposedCall, moveBridgeCall, pauseByGuardianCall, pauseByValidatorsCall, releaseCall,
        resolveQueueCall, setGuardianCall, setLimitsCall, submitBatchCall, unpauseCall, updateSetCall,
    },
    convert::to_alloy,
};

/// A call of the bridge. Where a set is asked for, it is the stored one, and the signatures are its members'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call(Vec<u8>);

impl Call {
    /// Executes a batch. Whoever sends it gets the fee.
    pub fn submit_batch(set: &ValidatorSet, signatures: &SignatureList, batch: &Batch) -> Self {
        let (set, sigs) = signed(set, signatures);
        let Batch { nonce, deadline, fee, .. } = *batch;
        let transfers = batch.transfer_bytes().into();
        Self(submitBatchCall { set, sigs, nonce, deadline, fee: fee.get(), transfers }.abi_encode())
    }

    /// Puts a newer set in place of the stored one, or proposes it if the stored one is stale.
    pub fn update_set(
        set: &ValidatorSet,
        signatures: &SignatureList,
        nonce: u64,
        created_at: u64,
        newer: &ValidatorSet,
    ) -> Self {
        let (set, sigs) = signed(set, signatures);
        let call = updateSetCall { set, sigs, nonce, createdAt: created_at, newSet: newer.encode().into() };
        Self(call.abi_encode())
    }

    /// Executes an administrative action; `None` if the preimage is a batch or a set, which have calls of their own.
    pub fn admin(set: &ValidatorSet, signatures: &SignatureList, action: &Preimage) -> Option<Self> {
        let (set, sigs) = signed(set, signatures);
        Some(Self(match *action {
            Preimage::Batch(_) | Preimage::Valset(_) => return None,
            Preimage::Unpause { admin_nonce, pause_nonce } => {
                unpauseCall { set, sigs, adminNonce_: admin_nonce, pauseNonce: pause_nonce }.abi_encode()
            }
            Preimage::SetLimits { admin_nonce, mint_capacity, share_bps } => setLimitsCall {
                set,
                sigs,
                adminNonce_: admin_nonce,
                mintCapacity: mint_capacity.get(),
                shareBps: share_bps,
            }
            .abi_encode(),
            Preimage::ResolveQueue { admin_nonce, queue_id, release } => {
                resolveQueueCall { set, sigs, adminNonce_: admin_nonce, queueId: queue_id, release_: release }
                    .abi_encode()
            }
            Preimage::SetGuardian { admin_nonce, guardian } => {
                setGuardianCall { set, sigs, adminNonce_: admin_nonce, newGuardian: to_alloy(&guardian) }.abi_encode()
            }
            Preimage::MoveBridge { admin_nonce, bridge } => {
                moveBridgeCall { set, sigs, adminNonce_: admin_nonce, bridge: to_alloy(&bridge) }.abi_encode()
            }
        }))
    }

    /// Stops minting until the validators end the pause.
    pub fn pause(set: &ValidatorSet, signatures: &SignatureList, pause_nonce: u64) -> Self {
        let (set, sigs) = signed(set, signatures);
        Self(pauseByValidatorsCall { set, sigs, pauseNonce: pause_nonce }.abi_encode())
    }

    /// Stops minting for 72 hours. Only the guardian may send it, and again only a week later.
    pub fn pause_by_guardian() -> Self {
        Self(pauseByGuardianCall {}.abi_encode())
    }

    /// Installs the set that was proposed, once its time has come.
    pub fn install_proposed() -> Self {
        Self(installProposedCall {}.abi_encode())
    }

    /// Mints an item of the queue, once its time has come.
    pub fn release(queue_id: u64) -> Self {
        Self(releaseCall { queueId: queue_id }.abi_encode())
    }

    /// Burns nDIEM of the account that sends it; this chain pays the recipient.
    pub fn burn(amount: Amount, recipient: &Address) -> Self {
        Self(burnCall { amount: amount.get(), recipient: to_alloy(recipient) }.abi_encode())
    }

    /// The bytes: the selector of the function and its arguments.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn signed(set: &ValidatorSet, signatures: &SignatureList) -> (Bytes, Bytes) {
    (set.encode().into(), signatures.encode().into())
}
