//! A client that believes a node nothing: it follows the chain's validators from what the user trusts to whatever
//! header a proof needs.

use std::time::{SystemTime, UNIX_EPOCH};

use diem_api::{Account, LightBlock, Proof};
use diem_bank::state::account_key;
use diem_core::{Address, Time, chain::IDENTITY};

use crate::{
    Client, ClientError,
    verify::{Trust, Verified, VerifiedAccount, VerifyError, account, decode_header},
};

/// The most headers that are fetched to reach another one: enough for a set that is replaced as a whole a hundred
/// times over, and some seconds of a lying node's time.
const MAX_FETCHED: usize = 256;

/// Why there is no answer that can be believed.
#[derive(Debug, thiserror::Error)]
pub enum LightError {
    /// The node does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer does not hold.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The validators changed too often in between.
    #[error(
        "validators changed too often between the trusted height {trusted} and {height}: give a newer header that you \
         trust"
    )]
    TooManyChanges {
        /// The height up to which trust came.
        trusted: u64,
        /// The height that it should reach.
        height: u64,
    },
    /// The question is none that proofs of rows answer.
    #[error("the question reads more than a few rows by their keys, which nothing proves")]
    Unprovable,
}

/// A client whose answers are proven. What it has verified it trusts from then on.
#[derive(Debug, Clone)]
pub struct LightClient {
    client: Client,
    trust: Trust,
    /// The state that was last shown to be of the trusted chain, by its root.
    shown: Option<[u8; 32]>,
}

impl LightClient {
    /// Believes what follows from `trust`, and takes the rest from the node of `client`.
    pub const fn new(client: Client, trust: Trust) -> Self {
        Self { client, trust, shown: None }
    }

    /// The trust of the client now.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Trusts the chain up to the header of `height`: directly if enough of the trusted validators signed it, else by
    /// headers in between, halving the way each time.
    ///
    /// # Errors
    /// [`LightError`]; what was verified on the way stays trusted.
    pub async fn follow(&mut self, height: u64) -> Result<(), LightError> {
        // These are the headers that are not reached yet, the lowest last.
        let mut ahead: Vec<LightBlock> = Vec::new();
        let mut fetched = 0usize;
        while self.trust.height() < height {
            let block = match ahead.pop() {
                Some(block) => block,
                None => self.fetch(height, &mut fetched).await?,
            };
            match self.trust.advance(&block, now()) {
                Ok(trust) => self.trust = trust,
                Err(VerifyError::NotEnoughTrust { .. }) => {
                    let middle = self.trust.height().midpoint(block.height);
                    if fetched >= MAX_FETCHED || middle <= self.trust.height() {
                        return Err(LightError::TooManyChanges { trusted: self.trust.height(), height });
                    }
                    ahead.push(block);
                    ahead.push(self.fetch(middle, &mut fetched).await?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn fetch(&self, height: u64, fetched: &mut usize) -> Result<LightBlock, LightError> {
        *fetched = fetched.saturating_add(1);
        let block = self.client.light_block(height).await?;
        let got = decode_header(&block.signed_header.0)?.header.height.value();
        same_height(height, block.height)?;
        same_height(height, got)?;
        Ok(block)
    }

    /// An account after `height`, or at the end of the chain, from its proof, with what the node says besides.
    ///
    /// # Errors
    /// [`LightError`] says what does not hold.
    pub async fn account(
        &mut self,
        address: &Address,
        height: Option<u64>,
    ) -> Result<(Account, VerifiedAccount), LightError> {
        let answer = self.client.account(address, height, true).await?;
        let proof = answer.proof.as_ref().ok_or(VerifyError::NoProof)?;
        self.reach(proof, height).await?;
        let proven = self.trust.verify(&account_key(address), proof)?;
        self.identify(&proven).await?;
        Ok((answer, account(proven)?))
    }

    /// A row of state, or its absence, after `height` or at the end of the chain.
    ///
    /// # Errors
    /// [`LightError`] says what does not hold.
    pub async fn row(&mut self, key: &[u8], height: Option<u64>) -> Result<(Proof, Verified), LightError> {
        let proof = self.client.proof(key, height).await?;
        self.reach(&proof, height).await?;
        let verified = self.trust.verify(key, &proof)?;
        self.identify(&verified).await?;
        Ok((proof, verified))
    }

    /// Has the node prove which chain the state is of in which something was proven.
    async fn identify(&mut self, verified: &Verified) -> Result<(), LightError> {
        if self.shown == Some(verified.root) {
            return Ok(());
        }
        let proof = self.client.proof(&IDENTITY.key(), Some(verified.height)).await?;
        self.trust.verify_chain(verified, &proof)?;
        self.shown = Some(verified.root);
        Ok(())
    }

    /// Advances the trust until the header of a proof can be judged.
    async fn reach(&mut self, proof: &Proof, asked: Option<u64>) -> Result<(), LightError> {
        same_height(asked.unwrap_or(proof.state_height), proof.state_height)?;
        let header = decode_header(&proof.signed_header.0)?;
        self.trust.check_age(&header, now())?;
        if self.trust.reaches(&header) {
            return Ok(());
        }
        self.follow(header.header.height.value()).await
    }
}

const fn same_height(asked: u64, got: u64) -> Result<(), VerifyError> {
    if asked == got { Ok(()) } else { Err(VerifyError::OtherHeight { got, asked }) }
}

/// The clock of this machine.
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
