//! What is asked of an endpoint and proven here: headers by their hash, accounts and slots by the header's root.

use alloy_primitives::{B256, Bytes, U64, U256};
use diem_bridge::{TOTAL_SUPPLY_SLOT, token_address};
use diem_core::Address;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Base, BaseError,
    convert::to_alloy,
    header::{BlockHeader, HeaderFields},
    proof::{self, BRIDGE_SLOTS, CheckpointProof, Facts, Part, ProofError},
};

/// The tries to get the proof of a block that may be replaced between two questions.
const TRIES: usize = 2;

/// The name by which an endpoint is asked for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockName {
    /// The block of this number, on the chain that the endpoint takes for the right one.
    Number(u64),
    /// The newest block.
    Latest,
    /// The newest block that is final.
    Finalized,
}

impl BlockName {
    fn json(self) -> Value {
        match self {
            Self::Number(number) => json!(U64::from(number)),
            Self::Latest => json!("latest"),
            Self::Finalized => json!("finalized"),
        }
    }
}

/// The answer to `eth_getProof` (EIP-1186). What it claims beside the nodes is not read: the nodes say it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofAnswer {
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotAnswer>,
}

#[derive(Deserialize)]
struct SlotAnswer {
    key: U256,
    proof: Vec<Bytes>,
}

impl ProofAnswer {
    fn account(&self) -> Vec<Vec<u8>> {
        plain(&self.account_proof)
    }

    /// The nodes for a slot; none if the endpoint left it out, which proves nothing.
    fn slot(&self, slot: u64) -> Vec<Vec<u8>> {
        let found = self.storage_proof.iter().find(|answer| answer.key == U256::from(slot));
        found.map(|answer| plain(&answer.proof)).unwrap_or_default()
    }
}

fn plain(nodes: &[Bytes]) -> Vec<Vec<u8>> {
    nodes.iter().map(|node| node.to_vec()).collect()
}

impl Base {
    /// Asks once more for the chain id of the endpoint, behind which another node may stand now.
    ///
    /// # Errors
    /// [`BaseError::WrongChain`], or the endpoint did not answer.
    pub async fn check_chain(&self) -> Result<(), BaseError> {
        let found: U64 = self.endpoint().ask("eth_chainId", json!([])).await?;
        let (found, expected) = (found.to(), self.chain_id());
        if found == expected {
            Ok(())
        } else {
            Err(BaseError::WrongChain { url: self.endpoint().shown(), found, expected })
        }
    }

    /// The header of a block, which has the hash that the endpoint gives. `None` if the endpoint has no such block.
    ///
    /// # Errors
    /// [`BaseError::Unproven`] if the header does not have its hash; otherwise the endpoint did not answer.
    pub async fn header(&self, name: BlockName) -> Result<Option<BlockHeader>, BaseError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let answer = self.endpoint().ask(METHOD, json!([name.json(), false])).await?;
        let Some(header) = self.proven_header(answer)? else { return Ok(None) };
        match name {
            BlockName::Number(number) if header.number() != number => {
                let reason = format!("it gives block {} for block {number}", header.number());
                Err(self.endpoint().fault(METHOD, reason))
            }
            _ => Ok(Some(header)),
        }
    }

    /// The header of the block with this hash. `None` if the endpoint has no such block.
    ///
    /// # Errors
    /// As [`Self::header`].
    pub async fn header_by_hash(&self, hash: &[u8; 32]) -> Result<Option<BlockHeader>, BaseError> {
        const METHOD: &str = "eth_getBlockByHash";
        let answer = self.endpoint().ask(METHOD, json!([B256::new(*hash), false])).await?;
        match self.proven_header(answer)? {
            Some(header) if header.hash() != hash => {
                Err(self.endpoint().fault(METHOD, "it gives a block with another hash".into()))
            }
            header => Ok(header),
        }
    }

    fn proven_header(&self, answer: Option<HeaderFields>) -> Result<Option<BlockHeader>, BaseError> {
        let header = answer.map(BlockHeader::from_fields).transpose();
        header.map_err(|error| self.unproven(error.into()))
    }

    /// The proof of a checkpoint: of the bridge at this address in the block of this number. `None` if the endpoint
    /// has no such block yet.
    ///
    /// # Errors
    /// [`BaseError::Refused`] by an endpoint that serves no proofs of blocks so old; [`BaseError::Unproven`] if they
    /// do not hold; otherwise the endpoint did not answer.
    pub async fn checkpoint_proof(
        &self,
        bridge: &Address,
        number: u64,
    ) -> Result<Option<(CheckpointProof, Facts)>, BaseError> {
        for _ in 1..TRIES {
            // A block that was replaced between the questions fits no proof of the one that replaced it.
            match self.try_checkpoint_proof(bridge, number).await {
                Err(BaseError::Unproven { .. }) => {}
                answer => return answer,
            }
        }
        self.try_checkpoint_proof(bridge, number).await
    }

    async fn try_checkpoint_proof(
        &self,
        bridge: &Address,
        number: u64,
    ) -> Result<Option<(CheckpointProof, Facts)>, BaseError> {
        let Some(header) = self.header(BlockName::Number(number)).await? else { return Ok(None) };
        let contract = self.get_proof(bridge, &BRIDGE_SLOTS, number).await?;
        let token = self.get_proof(&token_address(bridge), &[TOTAL_SUPPLY_SLOT], number).await?;
        let proof = CheckpointProof {
            header: header.raw().to_vec(),
            bridge: contract.account(),
            slots: BRIDGE_SLOTS.map(|slot| contract.slot(slot)),
            token: token.account(),
            supply: token.slot(TOTAL_SUPPLY_SLOT),
        };
        let facts = proof.verify(bridge).map_err(|error| self.unproven(error))?;
        Ok(Some((proof, facts)))
    }

    /// An account in the block with this header, proven; `None` if it is proven that there is none. Whoever only wants
    /// to know whether an endpoint serves proofs asks for any account.
    ///
    /// # Errors
    /// As [`Self::checkpoint_proof`].
    pub async fn proven_account(
        &self,
        address: &Address,
        header: &BlockHeader,
    ) -> Result<Option<proof::Account>, BaseError> {
        let answer = self.get_proof(address, &[], header.number()).await?;
        proof::account(header.state_root(), address, &answer.account(), Part::Account)
            .map_err(|error| self.unproven(error))
    }

    async fn get_proof(&self, address: &Address, slots: &[u64], number: u64) -> Result<ProofAnswer, BaseError> {
        let slots: Vec<B256> = slots.iter().map(|slot| U256::from(*slot).into()).collect();
        self.endpoint().ask("eth_getProof", json!([to_alloy(address), slots, U64::from(number)])).await
    }

    pub(crate) fn unproven(&self, error: ProofError) -> BaseError {
        BaseError::Unproven { url: self.endpoint().shown(), error }
    }
}
