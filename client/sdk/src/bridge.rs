//! Requests about the bridge to Base. All read the latest committed state; lists are complete, read page by page at one
//! height.

use diem_api::{
    At, Bridge, BridgeAction, BridgeBatch, BridgeBatchDetail, BridgeBurn, BridgeCheckpoint, BridgeCheckpointDetail,
    BridgeFee, BridgeQueueItem, BridgeSet, BridgeSignatures, BridgeSigner, BridgeTransfer, List,
};
use diem_bridge::OutboundKind;
use diem_core::Address;
use serde::de::DeserializeOwned;

use crate::{Client, ClientError, client::Query};

impl Client {
    /// `GET /v1/bridge`: the bridge as a whole.
    pub async fn bridge(&self) -> Result<At<Bridge>, ClientError> {
        self.get("/v1/bridge").await
    }

    /// `GET /v1/bridge/transfers`: the transfers that are not over, of one sender or of all.
    pub async fn bridge_transfers(&self, sender: Option<&Address>) -> Result<List<BridgeTransfer>, ClientError> {
        self.pages("/v1/bridge/transfers", sender.map(|sender| ("sender", sender))).await
    }

    /// `GET /v1/bridge/transfers/{id}`: a transfer, over or not.
    pub async fn bridge_transfer(&self, id: u64) -> Result<At<BridgeTransfer>, ClientError> {
        self.get(&format!("/v1/bridge/transfers/{id}")).await
    }

    /// `GET /v1/bridge/batches`: the open batches.
    pub async fn bridge_batches(&self) -> Result<List<BridgeBatch>, ClientError> {
        self.pages("/v1/bridge/batches", None).await
    }

    /// `GET /v1/bridge/burns`: the credits that are not paid, of one recipient or of all.
    pub async fn bridge_burns(&self, recipient: Option<&Address>) -> Result<List<BridgeBurn>, ClientError> {
        self.pages("/v1/bridge/burns", recipient.map(|recipient| ("recipient", recipient))).await
    }

    /// `GET /v1/bridge/burns?event=`: the credit that the burn of this event on Base made, paid or not; `None` until the
    /// event was applied.
    pub async fn bridge_burn_of(&self, event: u64) -> Result<Option<At<BridgeBurn>>, ClientError> {
        let list: List<BridgeBurn> = self.get(&format!("/v1/bridge/burns?event={event}")).await?;
        let At { height, time, epoch, answer, proof } = list;
        Ok(answer.items.into_iter().next().map(|answer| At { height, time, epoch, answer, proof }))
    }

    /// `GET /v1/bridge/burns/{id}`: a credit, paid or not.
    pub async fn bridge_burn(&self, id: u64) -> Result<At<BridgeBurn>, ClientError> {
        self.get(&format!("/v1/bridge/burns/{id}")).await
    }

    /// `GET /v1/bridge/queue`: what waits on Base to be minted.
    pub async fn bridge_queue(&self) -> Result<List<BridgeQueueItem>, ClientError> {
        self.pages("/v1/bridge/queue", None).await
    }

    /// `GET /v1/bridge/queue/{id}`: an item that waits on Base.
    pub async fn bridge_queue_item(&self, id: u64) -> Result<At<BridgeQueueItem>, ClientError> {
        self.get(&format!("/v1/bridge/queue/{id}")).await
    }

    /// `GET /v1/bridge/checkpoints`: the blocks of Base above the last attested one that validators have stated.
    pub async fn bridge_checkpoints(&self) -> Result<List<BridgeCheckpoint>, ClientError> {
        self.pages("/v1/bridge/checkpoints", None).await
    }

    /// `GET /v1/bridge/checkpoints/{number}`: what validators state of a block of Base.
    pub async fn bridge_checkpoint(&self, number: u64) -> Result<At<BridgeCheckpointDetail>, ClientError> {
        self.get(&format!("/v1/bridge/checkpoints/{number}")).await
    }

    /// `GET /v1/bridge/fee`: what relaying costs on Base, as this node's relayer saw it last.
    ///
    /// # Errors
    /// `fee_unknown` where no relayer runs, or none has sent a batch yet.
    pub async fn bridge_fee(&self) -> Result<BridgeFee, ClientError> {
        self.get("/v1/bridge/fee").await
    }

    /// `GET /v1/bridge/signers`: what each validator has signed of late.
    pub async fn bridge_signers(&self) -> Result<List<BridgeSigner>, ClientError> {
        self.pages("/v1/bridge/signers", None).await
    }

    /// `GET /v1/bridge/batches/{nonce}`: an open batch with what its relayer hands in.
    pub async fn bridge_batch(&self, nonce: u64) -> Result<At<BridgeBatchDetail>, ClientError> {
        self.get(&format!("/v1/bridge/batches/{nonce}")).await
    }

    /// `GET /v1/bridge/sets/{nonce}`: a validator set for Base.
    pub async fn bridge_set(&self, nonce: u64) -> Result<At<BridgeSet>, ClientError> {
        self.get(&format!("/v1/bridge/sets/{nonce}")).await
    }

    /// `GET /v1/bridge/actions/{nonce}`: an administrative action.
    pub async fn bridge_action(&self, nonce: u64) -> Result<At<BridgeAction>, ClientError> {
        self.get(&format!("/v1/bridge/actions/{nonce}")).await
    }

    /// `GET /v1/bridge/signatures`: the signatures by the members of `set`, or of the one that is installed as far as
    /// the chain knows.
    pub async fn bridge_signatures(
        &self,
        kind: OutboundKind,
        nonce: u64,
        set: Option<u64>,
    ) -> Result<At<BridgeSignatures>, ClientError> {
        let name = match kind {
            OutboundKind::Batch => "batch",
            OutboundKind::Valset => "valset",
            OutboundKind::Admin => "admin",
            OutboundKind::Pause => "pause",
        };
        let mut path = format!("/v1/bridge/signatures?kind={name}&nonce={nonce}");
        Query(&mut path, '&').add("set", set);
        self.get(&path).await
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: Option<(&str, &Address)>,
    ) -> Result<List<T>, ClientError> {
        let page = async |after: Option<&str>| -> Result<List<T>, ClientError> {
            let mut path = path.to_owned();
            let mut query = Query(&mut path, '?');
            if let Some((name, address)) = filter {
                query.add(name, Some(address));
            }
            query.add("after", after);
            self.get(&path).await
        };
        let mut all = page(None).await?;
        while let Some(after) = all.answer.next.take() {
            let more = page(Some(&after)).await?;
            all.answer.items.extend(more.answer.items);
            all.answer.next = more.answer.next;
        }
        Ok(all)
    }
}
