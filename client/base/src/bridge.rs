//! The bridge's contract and its token, as they are now.

use alloy_sol_types::SolCall;
use diem_bridge::{BRIDGE_STATE_SLOT, BridgeState, ROLLING_HASH_SLOT, SET_HASH_SLOT, token_address};
use diem_core::{Address, Amount};

use crate::{
    Base, BaseError, Call,
    contract::abi::{DiemBridge, DiemToken},
    convert::to_alloy,
};

/// The limits of minting, as they are in this second of Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The capacity of the mint bucket, in adiem; 0 means that nothing is minted.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// What a batch may mint now, in adiem; the rest of it waits in the queue.
    pub room: Amount,
    /// The sum of all that waits in the queue, in adiem.
    pub queued: Amount,
    /// The limits that were decided and do not count yet.
    pub next: Option<NextLimits>,
}

/// Limits of minting that count later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLimits {
    /// The capacity of the mint bucket, in adiem.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// The second of Base from which both count.
    pub from: u64,
}

/// Whether minting is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseState {
    /// Minting is paused before this second of Base; [`diem_bridge::UNTIL_UNPAUSE`] if until the validators end it.
    pub paused_until: u64,
    /// The number of pauses and of their ends so far.
    pub pause_nonce: u64,
    /// The second from which the guardian may pause again.
    pub guardian_again_at: u64,
}

/// The bridge's contract at an address of Base.
#[derive(Debug, Clone)]
pub struct Bridge {
    base: Base,
    address: Address,
    token: Address,
}

impl Bridge {
    /// The bridge at this address. Nothing is asked yet.
    pub fn new(base: Base, address: Address) -> Self {
        Self { base, address, token: token_address(&address) }
    }

    /// The network that it lies on.
    pub const fn base(&self) -> &Base {
        &self.base
    }

    /// The address of the bridge.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The address of its token.
    pub const fn token(&self) -> &Address {
        &self.token
    }

    /// The numbers of events and of the stored set.
    ///
    /// # Errors
    /// [`BaseError::NotTheContract`] if the slot has none of the contract, or the endpoint did not answer.
    pub async fn state(&self) -> Result<BridgeState, BaseError> {
        let word = self.base.slot(&self.address, BRIDGE_STATE_SLOT).await?;
        let stranger = || BaseError::NotTheContract { address: self.address, function: "storage slot 0" };
        let state = BridgeState::decode(&word).map_err(|_| stranger())?;
        // A constructor writes the time of its set, so that an empty slot is no bridge.
        if state.set_created_at == 0 { Err(stranger()) } else { Ok(state) }
    }

    /// The hash of the stored set ([`diem_bridge::ValidatorSet::hash`]).
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn set_hash(&self) -> Result<[u8; 32], BaseError> {
        self.base.slot(&self.address, SET_HASH_SLOT).await
    }

    /// The hash over all events so far.
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn rolling_hash(&self) -> Result<[u8; 32], BaseError> {
        self.base.slot(&self.address, ROLLING_HASH_SLOT).await
    }

    /// Whether the batch of this nonce was executed.
    ///
    /// # Errors
    /// As all questions to the contract: [`BaseError::NotTheContract`], or the endpoint did not answer.
    pub async fn executed(&self, nonce: u64) -> Result<bool, BaseError> {
        self.read(&self.address, "executed", DiemBridge::executedCall { nonce }).await
    }

    /// The nonce of the last administrative action.
    ///
    /// # Errors
    /// As [`Self::executed`].
    pub async fn admin_nonce(&self) -> Result<u64, BaseError> {
        self.read(&self.address, "adminNonce", DiemBridge::adminNonceCall {}).await
    }

    /// The limits of minting and what is queued.
    ///
    /// # Errors
    /// As [`Self::executed`].
    pub async fn limits(&self) -> Result<Limits, BaseError> {
        let now = self.read(&self.address, "limits", DiemBridge::limitsCall {}).await?;
        let next =
            NextLimits { mint_capacity: Amount::new(now.nextCapacity), share_bps: now.nextBps, from: now.nextFrom };
        Ok(Limits {
            mint_capacity: Amount::new(now.mintCapacity),
            share_bps: now.shareBps,
            room: Amount::new(now.room),
            queued: Amount::new(now.queued),
            next: (next.from != 0).then_some(next),
        })
    }

    /// Whether minting is paused.
    ///
    /// # Errors
    /// As [`Self::executed`].
    pub async fn pause_state(&self) -> Result<PauseState, BaseError> {
        let now = self.read(&self.address, "pauseState", DiemBridge::pauseStateCall {}).await?;
        Ok(PauseState {
            paused_until: now.pausedUntil,
            pause_nonce: now.pauseNonce,
            guardian_again_at: now.guardianAgainAt,
        })
    }

    /// The nDIEM that an account has, in adiem.
    ///
    /// # Errors
    /// As [`Self::executed`].
    pub async fn balance_of(&self, account: &Address) -> Result<Amount, BaseError> {
        let balance = self.read(&self.token, "balanceOf", DiemToken::balanceOfCall { account: to_alloy(account) });
        self.amount("balanceOf", balance.await?)
    }

    /// All nDIEM there is, in adiem.
    ///
    /// # Errors
    /// As [`Self::executed`].
    pub async fn supply(&self) -> Result<Amount, BaseError> {
        let supply = self.read(&self.token, "totalSupply", DiemToken::totalSupplyCall {}).await?;
        self.amount("totalSupply", supply)
    }

    /// Tries a call as if `from` sent it now. Nothing is sent.
    ///
    /// # Errors
    /// [`BaseError::Reverted`] with the contract's error, or the endpoint did not answer.
    pub async fn simulate(&self, from: &Address, call: &Call) -> Result<(), BaseError> {
        self.base.call(Some(from), Some(&self.address), call.bytes()).await.map(|_| ())
    }

    fn amount(&self, function: &'static str, number: alloy_primitives::U256) -> Result<Amount, BaseError> {
        let stranger = BaseError::NotTheContract { address: self.token, function };
        number.try_into().map(Amount::new).map_err(|_| stranger)
    }

    async fn read<C: SolCall>(
        &self,
        contract: &Address,
        function: &'static str,
        call: C,
    ) -> Result<C::Return, BaseError> {
        let answer = self.base.call(None, Some(contract), &call.abi_encode()).await?;
        let stranger = |_| BaseError::NotTheContract { address: *contract, function };
        C::abi_decode_returns_validate(&answer).map_err(stranger)
    }
}
