//! One nonce of a sender, from its first transaction until one of them is in a block.

use std::time::{Duration, Instant};

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{B256, Bytes, Signature, TxKind};
use diem_core::Address;
use serde_json::json;
use tokio::time::sleep;

use crate::{BaseError, Receipt, Sender, convert::to_alloy, price::Price, receipt::ReceiptFields};

/// The interval at which receipts are asked for: the time of a block of Base.
const POLL: Duration = Duration::from_millis(200);
/// The time within which an endpoint shows the receipt of a transaction whose nonce it has counted already.
const BEHIND: Duration = Duration::from_secs(3);

/// A transaction and its replacements, which differ in their price alone: only one of them can be in a block.
pub(crate) struct Flight<'a> {
    sender: &'a Sender,
    to: &'a Address,
    data: &'a [u8],
    gas: u64,
    nonce: u64,
    /// The hashes of all that may have arrived at the endpoint.
    sent: Vec<B256>,
}

/// What came of handing a transaction to the endpoint.
enum Handed {
    /// It waits for a block, or may.
    Waits,
    /// It is too cheap for a place in the pool, where another of the same nonce may wait.
    Underpriced,
    /// A transaction of this nonce is in a block.
    TooLate,
}

impl<'a> Flight<'a> {
    pub(crate) const fn new(sender: &'a Sender, to: &'a Address, data: &'a [u8], gas: u64, nonce: u64) -> Self {
        Self { sender, to, data, gas, nonce, sent: Vec::new() }
    }

    /// Sends, waits, and replaces what is stuck.
    pub(crate) async fn land(mut self, mut price: Price) -> Result<Receipt, BaseError> {
        let (sender, terms) = (self.sender, &self.sender.terms);
        let started = Instant::now();
        loop {
            let handed = self.hand_over(price).await?;
            let patience = match handed {
                Handed::Waits => terms.replace_after.min(terms.give_up_after.saturating_sub(started.elapsed())),
                Handed::TooLate => BEHIND,
                Handed::Underpriced => Duration::ZERO,
            };
            if let Some((hash, receipt)) = self.receipt_within(patience).await {
                return self.judge(hash, &receipt).await;
            }
            if matches!(handed, Handed::TooLate) {
                return Err(BaseError::NonceTaken { sender: sender.address, nonce: self.nonce });
            }
            let now = Price::now(&sender.base, terms.max_price).await.ok();
            let raised = price.raised(now, terms.max_price);
            let hopeless = matches!(handed, Handed::Underpriced) && raised.is_none();
            if hopeless || started.elapsed() >= terms.give_up_after {
                return Err(self.stuck(price, started.elapsed()));
            }
            // Where the price is as high as it may be, the same transaction is handed over again.
            price = raised.unwrap_or(price);
            tracing::debug!(nonce = self.nonce, price = price.most, "a transaction on Base is replaced");
        }
    }

    /// Signs the transaction at this price and gives it to the endpoint.
    async fn hand_over(&mut self, price: Price) -> Result<Handed, BaseError> {
        let (hash, bytes) = self.sign(price);
        let is_first = self.sent.is_empty();
        if !self.sent.contains(&hash) {
            self.sent.push(hash);
        }
        let endpoint = self.sender.base.endpoint();
        let answer: Result<B256, BaseError> = endpoint.tell("eth_sendRawTransaction", json!([bytes])).await;
        let Err(error) = answer else { return Ok(Handed::Waits) };
        let words =
            if let BaseError::Refused { message, .. } = &error { message.to_lowercase() } else { String::new() };
        let says = |what: &str| words.contains(what);
        let was_refused =
            matches!(error, BaseError::Refused { .. } | BaseError::Reverted(_) | BaseError::Unreachable { .. });
        if says("nonce too low") {
            Ok(Handed::TooLate)
        } else if says("underpriced") {
            Ok(Handed::Underpriced)
        } else if is_first && was_refused && !says("already known") && !says("already imported") {
            if says("insufficient funds") {
                self.sender.check_funds(price.cost(self.gas)).await?;
            }
            Err(error)
        } else {
            // The answer was lost, or is about a replacement; what was sent before may get into a block.
            tracing::debug!("a transaction on Base may have arrived: {error}");
            Ok(Handed::Waits)
        }
    }

    fn sign(&self, price: Price) -> (B256, Bytes) {
        let tx = TxEip1559 {
            chain_id: self.sender.base.chain_id(),
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: price.most,
            max_priority_fee_per_gas: price.tip,
            to: TxKind::Call(to_alloy(self.to)),
            input: Bytes::copy_from_slice(self.data),
            ..TxEip1559::default()
        };
        let signature = self.sender.key.sign(&tx.signature_hash().0).expand();
        let (r, rest) = signature.split_at(32);
        let (s, v) = rest.split_at(32);
        // EIP-1559 signs with the parity of R's y, which v tells as 27 or 28.
        let signature = Signature::from_scalars_and_parity(B256::from_slice(r), B256::from_slice(s), v == [28]);
        let signed = tx.into_signed(signature);
        let mut bytes = Vec::new();
        signed.eip2718_encode(&mut bytes);
        (*signed.hash(), bytes.into())
    }

    /// The receipt of one of the transactions, as soon as there is one.
    async fn receipt_within(&self, patience: Duration) -> Option<(B256, ReceiptFields)> {
        let asked = Instant::now();
        while asked.elapsed() < patience {
            for hash in &self.sent {
                match self.sender.base.endpoint().ask("eth_getTransactionReceipt", json!([hash])).await {
                    Ok(Some(receipt)) => return Some((*hash, receipt)),
                    Ok(None) => {}
                    Err(error) => tracing::debug!("the receipt of a transaction on Base is not known: {error}"),
                }
            }
            sleep(POLL).await;
        }
        None
    }

    async fn judge(&self, hash: B256, receipt: &ReceiptFields) -> Result<Receipt, BaseError> {
        let (hash, block, gas_used) = (hash.0, receipt.block_number.to(), receipt.gas_used.to());
        if receipt.status.is_zero() {
            let reason = self.sender.base.refusal(&self.sender.address, Some(self.to), self.data).await;
            return Err(BaseError::Failed { hash, block, gas_used, reason });
        }
        Ok(Receipt { hash, block, gas_used, events: receipt.events(self.to) })
    }

    fn stuck(&self, price: Price, waited: Duration) -> BaseError {
        BaseError::Stuck {
            hash: self.sent.last().copied().unwrap_or_default().0,
            sender: self.sender.address,
            nonce: self.nonce,
            price: price.most,
            seconds: waited.as_secs(),
        }
    }
}
