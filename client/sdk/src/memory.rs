//! What a client remembers of its own signatures: those that may still count.
//!
//! It lasts as long as the client and its clones. A program that ends and starts again keeps [`Client::unsettled`] and
//! gives it back with [`Client::remember`] before it drafts anything; so does one that signs a draft and hands it on by
//! other means than [`Client::submit`]. `diemd` keeps it in files.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use diem_api::{Hash, State};
use diem_core::Address;
use diem_types::{Signed, Tx};
use serde::{Deserialize, Serialize};

use crate::{
    Client, ClientError, KnownChain, LightClient, LightError,
    build::BuildError,
    guard::GasTable,
    verify::{Trust, VerifyError},
};

/// An account on one chain: where its nonces count. A signature names its chain, so that what is open on one says
/// nothing about another one, whatever a node calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The name of the chain.
    pub chain_id: String,
    /// The hash of its genesis.
    pub genesis_hash: Hash,
    /// The address of the account.
    pub address: Address,
}

impl Sender {
    /// Who sends `tx`, on the chain for which it is.
    pub fn of(tx: &Tx) -> Self {
        Self { chain_id: tx.chain_id.clone(), genesis_hash: Hash(tx.genesis_hash), address: tx.sender }
    }
}

/// A signed transaction of which nobody has shown that it cannot count any more. Whoever holds it can still put it into
/// a block: until `expiry`, or until another transaction with the same nonce is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsettled {
    /// The hash of the transaction; one that its fee payer has still to sign has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// The nonce that it was signed with.
    pub nonce: u64,
    /// The last height at which it is valid.
    pub expiry: u64,
}

impl Unsettled {
    /// The record of `signed` as a signature that may still count.
    pub const fn of(signed: &Signed) -> Self {
        Self { hash: Some(Hash(signed.hash)), nonce: signed.tx.nonce, expiry: signed.tx.expiry }
    }

    /// The name of the transaction, which is its hash.
    pub fn name(&self) -> String {
        self.hash.map_or_else(|| "without the signature of its fee payer".into(), |hash| hash.to_string())
    }
}

/// The memory that the clones of a client share.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    chain: Mutex<Option<KnownChain>>,
    unsettled: Mutex<BTreeMap<Sender, BTreeMap<u64, Unsettled>>>,
}

impl Memory {
    pub(crate) fn of(chain: KnownChain) -> Self {
        Self { chain: Mutex::new(Some(chain)), unsettled: Mutex::default() }
    }

    /// The known chain; `seen` if there was none.
    pub(crate) fn known_or(&self, seen: KnownChain) -> KnownChain {
        whole(&self.chain).get_or_insert(seen).clone()
    }

    /// The known chain with the table of gas of its genesis.
    pub(crate) fn know_gas(&self, gas: GasTable, known: KnownChain) -> KnownChain {
        let known = KnownChain { gas, ..known };
        *whole(&self.chain) = Some(known.clone());
        known
    }
}

/// Each change of what is locked is one step: a panic in between leaves it whole.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// The nonce of the sender's next transaction: the node's word, but never beside a signature that may still count.
    ///
    /// # Errors
    /// [`BuildError::Unsettled`] if the node names another nonce than those of the sender's signatures that may still
    /// count: two transactions of which both could be in blocks are signed only by a caller who names the nonce.
    pub async fn next_nonce(&self, sender: &Sender) -> Result<u64, BuildError> {
        let next = self.account(&sender.address, None, false).await?.nonce_to_send();
        let open = self.unsettled(sender);
        match open.first() {
            Some(first) if !open.iter().any(|open| open.nonce == next) => {
                Err(BuildError::Unsettled { url: self.url().into(), open: *first, next })
            }
            _ => Ok(next),
        }
    }

    /// Forgets those of the sender's signatures of which the chain proves that they cannot count any more, and returns
    /// them: another transaction with their nonce is in a block, or it was they; or the height has passed until which
    /// they were valid. The proof is signed by the validators that follow from the genesis whose hash every signature
    /// names, so it holds whoever the node is; without a known chain ([`Self::knowing`]) nothing is proven.
    ///
    /// # Errors
    /// [`LightError`]: the node proves nothing, or what it proves does not hold. On a chain that is not for development
    /// that is so once its genesis is older than two thirds of the unbonding time, because the validators of that time
    /// have nothing to lose any more.
    pub async fn settle(&self, sender: &Sender) -> Result<Vec<Unsettled>, LightError> {
        let known = whole(&self.memory.chain).clone();
        let is_known = known.is_some_and(|known| known.sender(sender.address) == *sender);
        if !is_known || self.unsettled(sender).is_empty() {
            return Ok(Vec::new());
        }
        let genesis = self.genesis().await?;
        let got = Hash(genesis.hash());
        if got != sender.genesis_hash {
            let (got, trusted) = (got.to_string(), sender.genesis_hash.to_string());
            return Err(VerifyError::OtherGenesis { got, trusted }.into());
        }
        let mut light = LightClient::new(self.clone(), Trust::from_genesis(&genesis)?);
        let mut settled = self.settled_at(&mut light, sender, None).await?;
        if let Some(head) = self.status().await?.latest.filter(|_| !self.unsettled(sender).is_empty()) {
            // The header that proves the newest state may still have to come.
            settled.extend(self.settled_at(&mut light, sender, Some(head.height)).await?);
        }
        Ok(settled)
    }

    async fn settled_at(
        &self,
        light: &mut LightClient,
        sender: &Sender,
        height: Option<u64>,
    ) -> Result<Vec<Unsettled>, LightError> {
        let (_, proven) = light.account(&sender.address, height).await?;
        let cannot_count = |open: &Unsettled| open.nonce < proven.account.nonce || open.expiry <= proven.height;
        let settled: Vec<Unsettled> = self.unsettled(sender).into_iter().filter(cannot_count).collect();
        if let Some(open) = whole(&self.memory.unsettled).get_mut(sender) {
            open.retain(|_, open| !cannot_count(open));
        }
        Ok(settled)
    }

    /// The sender's signatures that may still count, by nonce.
    pub fn unsettled(&self, sender: &Sender) -> Vec<Unsettled> {
        whole(&self.memory.unsettled).get(sender).map(|open| open.values().copied().collect()).unwrap_or_default()
    }

    /// Remembers a signature that may still count, such as one of an earlier run. [`Self::submit`] does so by itself
    /// with what was refused, lost, given up, or in no block when the time to wait was over.
    pub fn remember(&self, sender: Sender, open: Unsettled) {
        let mut all = whole(&self.memory.unsettled);
        // Of several with one nonce only one can ever count, until the last of them expires.
        let kept = all.entry(sender).or_default().entry(open.nonce).or_insert(open);
        if kept.expiry < open.expiry {
            *kept = open;
        }
    }

    /// Forgets the sender's signatures with that nonce and those before it: because a transaction with it is in a
    /// block, or because the caller accepts that two may count.
    pub fn forget(&self, sender: &Sender, nonce: u64) {
        let mut all = whole(&self.memory.unsettled);
        if let Some(open) = all.get_mut(sender) {
            open.retain(|number, _| *number > nonce);
            if open.is_empty() {
                all.remove(sender);
            }
        }
    }

    /// Notes the transactions that are about to be sent.
    pub(crate) fn departing<'a>(&self, txs: impl IntoIterator<Item = &'a [u8]>) -> Departed<'_> {
        let signed = txs.into_iter().map(|tx| Signed::decode(tx).ok()).collect();
        Departed { client: self, signed }
    }
}

/// Transactions that were sent, or may have been. Those that no answer has settled may still count, and are remembered
/// when this is dropped, also where whoever waits for the answer gives up.
pub(crate) struct Departed<'a> {
    client: &'a Client,
    /// The transactions in their order; `None` where the bytes were none, or where it is settled.
    signed: Vec<Option<Signed>>,
}

impl Departed<'_> {
    /// Takes what the answer says of the transaction at `place`.
    pub(crate) fn settle(&mut self, place: usize, state: State) {
        // That it failed in a block is no reason to sign another one in its place before a proof says so: see `settle`
        // of the client.
        if matches!(state, State::Accepted | State::Checked | State::Committed)
            && let Some(signed) = self.signed.get_mut(place).and_then(Option::take)
        {
            self.client.forget(&Sender::of(&signed.tx), signed.tx.nonce);
        }
    }

    /// Takes an error of the request: nothing was sent, or each may have been.
    pub(crate) fn fail(&mut self, error: &ClientError) {
        if matches!(error, ClientError::Unreachable { .. }) {
            // Nothing has left this machine.
            self.signed.clear();
        }
    }
}

impl Drop for Departed<'_> {
    fn drop(&mut self) {
        for signed in self.signed.drain(..).flatten() {
            self.client.remember(Sender::of(&signed.tx), Unsettled::of(&signed));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use diem_api::Wait;
    use diem_core::{Amount, Denom, keys::SecretKey};
    use diem_types::Call;

    use super::*;

    fn sender(chain: u8) -> Sender {
        Sender { chain_id: "diem-1".into(), genesis_hash: Hash([chain; 32]), address: Address([7; 20]) }
    }

    #[test]
    fn what_is_open_on_one_chain_says_nothing_about_another() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let open = |nonce| Unsettled { hash: None, nonce, expiry: 90 };
        client.remember(sender(1), open(4));
        client.remember(sender(2), open(0));
        client.forget(&sender(2), 9);
        assert_eq!((client.unsettled(&sender(1)), client.unsettled(&sender(2))), (vec![open(4)], vec![]));
        let renamed = Sender { chain_id: "diem-2".into(), ..sender(1) };
        client.forget(&renamed, 9);
        assert_eq!(client.unsettled(&sender(1)), [open(4)]);
    }

    #[test]
    fn of_signatures_with_one_nonce_the_one_that_counts_longest_is_remembered() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let open = |nonce, expiry| Unsettled { hash: Some(Hash([1; 32])), nonce, expiry };
        for (nonce, expiry) in [(4, 5_600), (4, 640), (5, 90), (5, 91)] {
            client.remember(sender(1), open(nonce, expiry));
        }
        assert_eq!(client.unsettled(&sender(1)), [open(4, 5_600), open(5, 91)]);
    }

    /// Answers every request on a port of loopback with the same bytes.
    async fn always(answer: String) -> Client {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        client
    }

    #[tokio::test]
    async fn no_lie_about_what_became_of_it_makes_a_client_forget_what_it_sent() {
        let key = SecretKey::ed25519(&[1; 32]);
        let tx = payment(&key);
        let bytes = tx.sign(&key, None).unwrap();
        let open = Unsettled::of(&Signed::decode(&bytes).unwrap());
        let body = |hash: Hash, state: &str| {
            let body = format!("{{\"hash\":\"{hash}\",\"state\":\"{state}\"}}");
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let another = Hash([0; 32]);
        for lie in [elsewhere.into(), body(open.hash.unwrap(), "failed"), body(another, "committed")] {
            let client = always(lie).await;
            let _ = client.submit(bytes.clone(), Wait::Committed, Duration::from_secs(10)).await;
            assert_eq!(client.unsettled(&Sender::of(&tx)), [open]);
        }
    }

    fn payment(key: &SecretKey) -> Tx {
        let pay = diem_bank::Msg::Transfer { to: Address([9; 20]), denom: Denom::Vvv, amount: Amount::ONE };
        Tx {
            chain_id: "diem-1".into(),
            genesis_hash: [1; 32],
            sender: key.address(),
            nonce: 7,
            expiry: 100,
            gas_price: Amount::new(5),
            max_fee: Amount::MAX,
            fee_payer: None,
            calls: vec![Call::Bank(pay)],
            memo: String::new(),
        }
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_has_not_taken_back_what_was_sent() {
        // It accepts connections, and answers nobody.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
        let key = SecretKey::ed25519(&[1; 32]);
        let tx = payment(&key);
        let bytes = tx.sign(&key, None).unwrap();
        let sending = client.submit(bytes.clone(), Wait::Committed, Duration::from_secs(60));
        assert!(tokio::time::timeout(Duration::from_millis(100), sending).await.is_err());
        let open = Unsettled::of(&Signed::decode(&bytes).unwrap());
        assert_eq!(client.unsettled(&Sender::of(&tx)), [open]);
    }

    #[tokio::test]
    async fn what_has_not_left_the_machine_is_not_remembered() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let key = SecretKey::ed25519(&[1; 32]);
        let tx = payment(&key);
        let bytes = tx.sign(&key, None).unwrap();
        let error = client.submit(bytes, Wait::Checked, Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
        assert_eq!(client.unsettled(&Sender::of(&tx)), []);
    }
}
