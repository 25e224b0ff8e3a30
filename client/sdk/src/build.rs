//! Building transactions: what a sender wants, completed with what the chain says.

use diem_api::Hash;
use diem_core::{
    Address, Amount, MathError,
    keys::{KeyKind, SignatureError},
    tx::DecodeError,
};
use diem_types::{Call, GasParams, Signed, Tx};

use crate::{Client, ClientError, KnownChain, guard::Unproven, memory::Unsettled};

/// The number of blocks for which a transaction is valid unless its sender says otherwise.
pub const EXPIRY_BLOCKS: u64 = 600;

/// Why a transaction cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The node could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It would be no transaction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A key is not that of the address it should speak for.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The fee is larger than any amount.
    #[error("the fee cannot be computed: {0}")]
    Fee(#[from] MathError),
    /// The node has no block yet.
    #[error("the node has no block yet: wait a moment, then try again")]
    NoBlock,
    /// The fee would be more than the sender allows.
    #[error("the fee would be {fee} VVV, more than the {max} VVV of --max-fee: raise it or lower the gas price")]
    MaxFee {
        /// The fee: gas times gas price.
        fee: Amount,
        /// The highest fee that the sender allows.
        max: Amount,
    },
    /// The fee is more than is paid without being told.
    #[error(
        "the fee would be {fee} VVV, more than the {limit} VVV that are paid without being told: {gas} gas at a price of \
         {price} avvv, and the chain that {url} has asked {known} when it was first seen. Nothing was signed: to pay \
         that much, name it as --max-fee (`max_fee` of an intent)",
        price = .price.get(), known = .known.get()
    )]
    FeeUntold {
        /// The URL of the node.
        url: String,
        /// The fee: gas times gas price.
        fee: Amount,
        /// The most that is paid without being told.
        limit: Amount,
        /// The gas of the transaction.
        gas: u64,
        /// The price of a unit of gas, in avvv: that of the intent, or what the node asks now.
        price: Amount,
        /// The price of a unit of gas when the chain was first seen, in avvv.
        known: Amount,
    },
    /// The node counts more gas than there can be.
    #[error(
        "{url} counts {gas} gas for this transaction, but by the table of gas of this chain's genesis it has {known}. \
         Nothing was signed: to agree to a fee of {fee} VVV all the same, name it as --max-fee (`max_fee` of an intent)"
    )]
    GasUntold {
        /// The URL of the node whose table counts more than the client's own.
        url: String,
        /// The gas by the node's table.
        gas: u64,
        /// The gas by the table that is known.
        known: u64,
        /// The fee: gas times gas price.
        fee: Amount,
    },
    /// The node's genesis is not that of its chain.
    #[error(
        "{url} names a table of gas that is dearer than this program's own, and shows as its genesis one with hash {shown} \
         instead of {named}: nothing was signed"
    )]
    OtherGenesis {
        /// The URL of the node.
        url: String,
        /// The hash of the genesis that it shows.
        shown: Hash,
        /// The hash of the chain's genesis.
        named: Hash,
    },
    /// The node shows another chain than the one that is known.
    #[error(
        "{url} shows the chain `{chain_id}` with genesis hash {genesis_hash}, but the one that is known here is `{}` \
         with {}: nothing was signed", .known.chain_id, .known.genesis_hash
    )]
    OtherChain {
        /// The URL of the node that shows it.
        url: String,
        /// The chain as it was first seen.
        known: Box<KnownChain>,
        /// The name of the chain that it shows.
        chain_id: String,
        /// The hash of the genesis of that chain.
        genesis_hash: Hash,
    },
    /// A signature of this sender may still count, and the node wants another beside it.
    #[error(
        "transaction {name} of this sender with nonce {nonce} may still count: nothing shows that it cannot, and whoever \
         holds it can bring it into a block until height {expiry}. Nothing was signed, because {url} names {next} as \
         the next nonce: with both, the sender could pay twice. --nonce {nonce} (`nonce` of an intent) signs \
         something of which only one of both can be in a block, --nonce {next} signs another transaction beside it",
        name = .open.name(), nonce = .open.nonce, expiry = .open.expiry
    )]
    Unsettled {
        /// The URL of the node.
        url: String,
        /// The signature that may still count.
        open: Unsettled,
        /// The nonce that the node names.
        next: u64,
    },
}

/// The decisions of a sender; `None` takes what the chain suggests.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The account that acts.
    pub sender: Address,
    /// The kind of the sender's key.
    pub sender_kind: KeyKind,
    /// The calls of the transaction.
    pub calls: Vec<Call>,
    /// The account that pays instead of the sender, and the kind of its key.
    pub fee_payer: Option<(Address, KeyKind)>,
    /// A text that everybody can read.
    pub memo: String,
    /// The sender's number of transactions so far, those that wait in the pool included.
    pub nonce: Option<u64>,
    /// The last height at which the transaction is valid.
    pub expiry: Option<u64>,
    /// The price of a unit of gas, in avvv.
    pub gas_price: Option<Amount>,
    /// The most avvv to pay. `None` pays what it costs, within the bounds of [`crate::Guard`].
    pub max_fee: Option<Amount>,
}

impl Intent {
    /// An intent that leaves the rest to the chain's suggestions.
    pub const fn new(sender: Address, sender_kind: KeyKind, calls: Vec<Call>) -> Self {
        Self {
            sender,
            sender_kind,
            calls,
            fee_payer: None,
            memo: String::new(),
            nonce: None,
            expiry: None,
            gas_price: None,
            max_fee: None,
        }
    }
}

/// A complete transaction, ready to sign, and what it costs.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The transaction as it is to be signed, with nonce, expiry and fees filled in.
    pub tx: Tx,
    /// The gas of the signed transaction.
    pub gas: u64,
    /// `gas * gas_price`: what it pays.
    pub fee: Amount,
    /// The parts of it that are the node's word alone.
    pub unproven: Unproven,
}

impl Client {
    /// Completes an intent with chain id, genesis hash, nonce, expiry and fee. What a node says of these is bounded by
    /// what the client knows itself ([`crate::guard`]); what stays without a bound stands in [`Draft::unproven`].
    ///
    /// # Errors
    /// [`BuildError`]; then nothing is to be signed.
    pub async fn draft(&self, intent: Intent) -> Result<Draft, BuildError> {
        let (status, params) = (self.status().await?, self.params().await?);
        let height = status.latest.as_ref().ok_or(BuildError::NoBlock)?.height;
        let known = self.know(&status, &params).await?;
        let nonce = match intent.nonce {
            Some(nonce) => nonce,
            None => self.next_nonce(&known.sender(intent.sender)).await?,
        };
        let Hash(genesis_hash) = status.genesis_hash;
        let price = params.gas.min_price;
        let tx = Tx {
            chain_id: status.chain_id,
            genesis_hash,
            sender: intent.sender,
            nonce,
            expiry: intent.expiry.unwrap_or(height.saturating_add(EXPIRY_BLOCKS)),
            gas_price: intent.gas_price.unwrap_or(price),
            max_fee: Amount::ZERO,
            fee_payer: intent.fee_payer.map(|(address, _)| address),
            calls: intent.calls,
            memo: intent.memo,
        };
        let payer_kind = intent.fee_payer.map(|(_, kind)| kind);
        let mut draft = with_fee(tx, &params.gas, intent.sender_kind, payer_kind, intent.max_fee)?;
        if intent.max_fee.is_none() {
            self.check_fee(&known, &draft, intent.sender_kind, payer_kind)?;
        }
        draft.unproven = Unproven {
            nonce: intent.nonce.is_none().then_some(nonce),
            height: intent.expiry.is_none().then_some(height),
            gas_price: intent.gas_price.is_none().then_some(price),
        };
        Ok(draft)
    }

    /// Refuses a fee that nobody has agreed to.
    fn check_fee(
        &self,
        known: &KnownChain,
        draft: &Draft,
        sender: KeyKind,
        payer: Option<KeyKind>,
    ) -> Result<(), BuildError> {
        let signed = placeholder(&draft.tx, sender, payer)?;
        let (url, gas, fee, price) = (self.url().into(), draft.gas, draft.fee, draft.tx.gas_price);
        let usual = known.gas.gas(&signed);
        if gas > usual {
            return Err(BuildError::GasUntold { url, gas, known: usual, fee });
        }
        let limit = self.guard.limit(Some(known), &signed);
        if fee > limit {
            return Err(BuildError::FeeUntold { url, fee, limit, gas, price, known: known.min_gas_price });
        }
        Ok(())
    }
}

/// The transaction with signatures of the right size that sign nothing: what its gas is computed from.
///
/// # Errors
/// [`DecodeError`]: it would be no transaction.
pub fn placeholder(tx: &Tx, sender: KeyKind, payer: Option<KeyKind>) -> Result<Signed, DecodeError> {
    let payer = payer.map(KeyKind::placeholder);
    Signed::decode(&tx.with_auth(&sender.placeholder(), payer.as_ref()))
}

/// Computes the fee of `tx` and sets its `max_fee`: the one given, or exactly the fee.
///
/// # Errors
/// [`BuildError::Decode`], [`BuildError::Fee`] or [`BuildError::MaxFee`].
pub fn with_fee(
    mut tx: Tx,
    params: &GasParams,
    sender: KeyKind,
    payer: Option<KeyKind>,
    max_fee: Option<Amount>,
) -> Result<Draft, BuildError> {
    // Amounts have a fixed width: the size, and with it the gas, does not depend on max_fee or the signatures.
    let gas = params.gas(&placeholder(&tx, sender, payer)?);
    let fee = tx.gas_price.checked_mul(gas.into())?;
    let max = max_fee.unwrap_or(fee);
    if fee > max {
        return Err(BuildError::MaxFee { fee, max });
    }
    tx.max_fee = max;
    Ok(Draft { tx, gas, fee, unproven: Unproven::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_bank::Msg;
    use diem_core::{Denom, keys::SecretKey};

    use super::*;

    fn tx(sender: &SecretKey) -> Tx {
        let pay = Msg::Transfer { to: Address([9; 20]), denom: Denom::Vvv, amount: Amount::ONE };
        Tx {
            chain_id: "test-dev".into(),
            genesis_hash: [1; 32],
            sender: sender.address(),
            nonce: 7,
            expiry: 100,
            gas_price: Amount::new(1_000_000_000),
            max_fee: Amount::ZERO,
            fee_payer: None,
            calls: vec![Call::Bank(pay)],
            memo: "rent".into(),
        }
    }

    #[test]
    fn the_fee_is_that_of_the_signed_transaction_for_every_pair_of_keys() {
        let keys = [SecretKey::ed25519(&[1; 32]), SecretKey::ethereum(&[2; 32]).unwrap()];
        let payers = [SecretKey::ed25519(&[3; 32]), SecretKey::ethereum(&[4; 32]).unwrap()];
        let params = GasParams::default();
        for sender in &keys {
            for payer in [None, Some(&payers[0]), Some(&payers[1])] {
                let mut tx = tx(sender);
                tx.fee_payer = payer.map(SecretKey::address);
                let draft = with_fee(tx, &params, KeyKind::of(sender), payer.map(KeyKind::of), None).unwrap();
                let bytes = draft.tx.sign(sender, payer).unwrap();
                let signed = Signed::decode(&bytes).unwrap();
                assert_eq!(signed.verify(), Ok(()));
                assert_eq!(params.gas(&signed), draft.gas);
                assert_eq!(signed.tx.max_fee, draft.fee);
            }
        }
    }

    #[test]
    fn a_fee_above_the_senders_limit_is_refused_before_signing() {
        let key = SecretKey::ed25519(&[1; 32]);
        let limit = Some(Amount::new(1));
        let error = with_fee(tx(&key), &GasParams::default(), KeyKind::Ed25519, None, limit).unwrap_err();
        assert!(matches!(error, BuildError::MaxFee { max, .. } if max == Amount::new(1)), "{error}");
    }
}
