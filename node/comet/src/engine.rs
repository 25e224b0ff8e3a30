//! CometBFT as an [`Engine`], spoken to through its RPC.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diem_config::SignerAddress;
use diem_core::Time;
use diem_engine::engine::{
    ConnectedPeer, ConsensusAddress, Engine, EngineError, EngineKind, EngineStatus, Incoming, OwnPeer, SubmitError,
    Wait,
};
use futures::{FutureExt as _, future::BoxFuture};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tendermint::{
    block::{CommitSig, signed_header::SignedHeader},
    validator,
};

use super::{
    follow::{Followed, Looked, look},
    peers::peers,
    presence::{Heard, heard},
    rpc::{Rpc, RpcError},
    signing::Silence,
    submit::Submitter,
};
use crate::abci::{Checks, Verdict};

/// The longest wait for CheckTx once a transaction was handed on.
const CHECK_PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait for an answer that CometBFT only has to look up.
const READ_PATIENCE: Duration = Duration::from_secs(5);
/// The pauses while a height is waited for.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// The most validators on a page of CometBFT's answer.
const PAGE: u64 = 100;

/// CometBFT as an engine, spoken to through its RPC.
pub struct CometEngine {
    rpc: Rpc,
    submitter: Submitter,
    checks: Arc<Checks>,
    followed: Arc<Followed>,
    period: Duration,
    own_peer: Option<OwnPeer>,
    signer: Option<Signer>,
    silence: Silence,
}

/// The remote signer without which CometBFT does not start.
struct Signer {
    address: SignerAddress,
    waits: Arc<AtomicBool>,
}

impl CometEngine {
    /// Makes an engine for the RPC at `address`; `checks` are those of the application that this CometBFT drives, which
    /// makes a block about every `period`. Must be called on a tokio runtime.
    pub fn new(address: SocketAddr, checks: Arc<Checks>, period: Duration) -> Self {
        let rpc = Rpc::new(address);
        let (submitter, followed) = (Submitter::start(&rpc), Followed::start(&rpc));
        Self { submitter, followed, rpc, checks, period, own_peer: None, signer: None, silence: Silence::default() }
    }

    /// Adds the peer address of this node.
    pub fn known_as(self, own_peer: OwnPeer) -> Self {
        Self { own_peer: Some(own_peer), ..self }
    }

    /// Adds the place where it stands why this node's key signs nothing.
    pub(crate) fn silenced_by(self, silence: Silence) -> Self {
        Self { silence, ..self }
    }

    /// Adds the remote signer that connects to `address`; `waits` is set while it is away.
    pub(crate) fn signed_by(self, address: SignerAddress, waits: Arc<AtomicBool>) -> Self {
        Self { signer: Some(Signer { address, waits }), ..self }
    }

    /// The state of the engine; where it does not answer because its signer has not come, that is said.
    fn state(&self) -> Result<EngineStatus, EngineError> {
        self.followed.status().map_err(|error| self.waits_for().map_or(error, EngineError::Unavailable))
    }

    /// What it waits for while its signer is away.
    fn waits_for(&self) -> Option<String> {
        let Signer { address, waits } = self.signer.as_ref()?;
        waits.load(Ordering::Relaxed).then(|| format!("waiting for the signer, which connects to {address}"))
    }

    /// Waits until the RPC answers.
    ///
    /// # Errors
    /// The RPC does not answer within `patience`.
    pub async fn ready(&self, patience: Duration) -> Result<EngineStatus, EngineError> {
        let started = Instant::now();
        loop {
            match look(&self.rpc, READ_PATIENCE).await {
                Ok(Looked { status, .. }) => {
                    self.followed.heard(status);
                    return Ok(status);
                }
                Err(error) if started.elapsed() >= patience => return Err(unavailable(error)),
                Err(_) => tokio::time::sleep(LONGEST_PAUSE).await,
            }
        }
    }

    /// Calls a method that only looks something up.
    async fn read<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, Unread> {
        self.followed.check().map_err(Unread::Silent)?;
        self.rpc.call(method, params, READ_PATIENCE).await.map_err(Unread::Rpc)
    }

    async fn submit_all(&self, txs: Vec<Incoming>, wait: Wait) -> Vec<Result<(), SubmitError>> {
        if let Err(EngineError::Unavailable(reason)) = self.followed.check() {
            return txs.iter().map(|_| Err(SubmitError::Unavailable(reason.clone()))).collect();
        }
        let mut handed = Vec::with_capacity(txs.len());
        for tx in txs {
            // It listens before the transaction is handed on: the verdict may come before CometBFT's answer.
            let verdict = (wait == Wait::Checked).then(|| self.checks.listen(tx.tx.hash));
            handed.push((self.submitter.hand_on(tx).await, verdict));
        }
        let mut answers = Vec::with_capacity(handed.len());
        for (receiver, verdict) in handed {
            let answer =
                receiver.await.unwrap_or_else(|_| Err(SubmitError::Unavailable("the node is stopping".into())));
            answers.push(match (answer, verdict) {
                (Ok(()), Some(verdict)) => judged(verdict.wait(CHECK_PATIENCE).await),
                (answer, _) => answer,
            });
        }
        answers
    }

    async fn wait_for_header(&self, height: u64, patience: Duration) -> Result<SignedHeader, EngineError> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.read::<Commit>("commit", json!({ "height": height.to_string() })).await;
            let error = match answer {
                Ok(commit) => {
                    self.followed.has(height);
                    return Ok(commit.signed_header);
                }
                Err(error) => error.at_height(height),
            };
            let left = patience.saturating_sub(started.elapsed());
            if !matches!(error, EngineError::NotYet { .. }) || left.is_zero() {
                return Err(error);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// The header of a block, and with it the time of the next one, follows from the commit of the block before: from
    /// the times at which the validators voted, however long nothing happened since.
    async fn foreseen_time(&self) -> Result<Time, EngineError> {
        let Commit { signed_header } = self.read("commit", json!({})).await?;
        let signers = self.all_validators(signed_header.header.height.value()).await?;
        let none = || EngineError::Unavailable("the latest commit has no signature of a validator".into());
        median_time(&signed_header.commit.signatures, &signers).ok_or_else(none)
    }

    async fn all_validators(&self, height: u64) -> Result<validator::Set, EngineError> {
        #[derive(Deserialize)]
        struct Page {
            validators: Vec<Listed>,
            total: String,
        }
        /// The library reads all of a validator but its turn as a proposer.
        #[derive(Deserialize)]
        struct Listed {
            #[serde(flatten)]
            info: validator::Info,
            proposer_priority: String,
        }
        let mut found = Vec::new();
        for page in 1u64.. {
            let params =
                json!({ "height": height.to_string(), "page": page.to_string(), "per_page": PAGE.to_string() });
            let answer: Page = self.read("validators", params).await.map_err(|error| error.at_height(height))?;
            let empty = answer.validators.is_empty();
            for Listed { mut info, proposer_priority } in answer.validators {
                let priority: i64 = proposer_priority.parse().map_err(|_| {
                    EngineError::Unavailable(format!("`{proposer_priority}` is no priority of a proposer"))
                })?;
                info.proposer_priority = priority.into();
                found.push(info);
            }
            let total: usize = answer
                .total
                .parse()
                .map_err(|_| EngineError::Unavailable(format!("`{}` is no number of validators", answer.total)))?;
            if empty || found.len() >= total {
                break;
            }
        }
        Ok(validator::Set::without_proposer(found))
    }

    async fn heard(&self) -> Result<Vec<ConsensusAddress>, EngineError> {
        let Heard { height, places } = heard(&self.rpc).await.map_err(unavailable)?;
        if places.is_empty() {
            // While it looks for blocks to fetch, CometBFT does not even say who the validators are.
            return Ok(Vec::new());
        }
        let set = self.all_validators(height).await?;
        let address = |place: usize| set.validators().get(place)?.address.as_bytes().try_into().ok();
        Ok(places.into_iter().filter_map(address).collect())
    }
}

/// CometBFT's answer to `commit`.
#[derive(Deserialize)]
struct Commit {
    signed_header: SignedHeader,
}

/// The time at which the signers voted: the median of their clocks, weighted by power. CometBFT gives this time to the
/// next block. `None` if nobody signed.
fn median_time(signatures: &[CommitSig], signers: &validator::Set) -> Option<Time> {
    let weighted = |signature: &CommitSig| match signature {
        CommitSig::BlockIdFlagAbsent => None,
        CommitSig::BlockIdFlagCommit { validator_address, timestamp, .. }
        | CommitSig::BlockIdFlagNil { validator_address, timestamp, .. } => {
            let millis = timestamp.unix_timestamp_nanos().checked_div(1_000_000)?;
            Some((Time(u64::try_from(millis).ok()?), signers.validator(*validator_address)?.power()))
        }
    };
    let mut times: Vec<(Time, u64)> = signatures.iter().filter_map(weighted).collect();
    times.sort_unstable();
    let total = times.iter().fold(0u64, |sum, (_, power)| sum.saturating_add(*power));
    let mut left = total / 2;
    times.into_iter().find_map(|(time, power)| {
        let reached = left <= power;
        left = left.saturating_sub(power);
        reached.then_some(time)
    })
}

fn judged(verdict: Option<Verdict>) -> Result<(), SubmitError> {
    match verdict {
        Some(Verdict { code: 0, .. }) => Ok(()),
        Some(Verdict { codespace, code, log }) => Err(SubmitError::Rejected { codespace, code, log }),
        None => Err(SubmitError::Unavailable("CometBFT took the transaction and did not have it checked".into())),
    }
}

fn unavailable(error: RpcError) -> EngineError {
    EngineError::Unavailable(error.to_string())
}

/// The reason why something could not be looked up.
enum Unread {
    /// CometBFT was not asked, because it has been silent for long.
    Silent(EngineError),
    /// The call of CometBFT failed.
    Rpc(RpcError),
}

impl Unread {
    /// The engine's error of a call that asked for a height.
    fn at_height(self, asked: u64) -> EngineError {
        match self {
            Self::Silent(error) => error,
            Self::Rpc(error) => at_height(error, asked),
        }
    }
}

impl From<Unread> for EngineError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Silent(error) => error,
            Unread::Rpc(error) => unavailable(error),
        }
    }
}

/// Translates CometBFT's error about a height into one of ours.
fn at_height(error: RpcError, asked: u64) -> EngineError {
    if let RpcError::Refused(reason) = &error {
        if reason.contains("must be less than or equal to") {
            let latest = reason.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            return EngineError::NotYet { asked, latest };
        }
        if reason.contains("is not available") || reason.contains("could not find") {
            return EngineError::Gone(asked);
        }
    }
    unavailable(error)
}

impl Engine for CometEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Comet
    }

    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>> {
        self.submit_all(txs, wait).boxed()
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.wait_for_header(height, patience).boxed()
    }

    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        self.all_validators(height).boxed()
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>> {
        self.foreseen_time().boxed()
    }

    fn voters(&self) -> BoxFuture<'_, Result<Vec<ConsensusAddress>, EngineError>> {
        self.heard().boxed()
    }

    fn peers(&self) -> BoxFuture<'_, Result<Vec<ConnectedPeer>, EngineError>> {
        async { peers(&self.rpc).await.map_err(unavailable) }.boxed()
    }

    fn own_peer(&self) -> Option<&OwnPeer> {
        self.own_peer.as_ref()
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        std::future::ready(self.state()).boxed()
    }

    fn version(&self) -> Option<String> {
        self.followed.version()
    }

    fn missing_signer(&self) -> Option<String> {
        self.waits_for()
    }

    fn silent_key(&self) -> Option<String> {
        self.silence.lock().clone()
    }

    fn signs_as(&self) -> Option<ConsensusAddress> {
        // Without a remote signer CometBFT may have been given another key, while the node listens.
        self.signer.as_ref().and_then(|_| self.followed.address())
    }

    fn period(&self) -> Option<Duration> {
        Some(self.period)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tendermint::PublicKey;

    use super::*;

    /// The median of signers with these powers and times of voting.
    fn median(votes: &[(u64, Option<u64>)]) -> Option<Time> {
        let signer = |number: u8, power: u64| {
            let key = ed25519_dalek::SigningKey::from_bytes(&[number; 32]).verifying_key();
            let key = PublicKey::from_raw_ed25519(key.as_bytes()).unwrap();
            validator::Info::new(key, power.try_into().unwrap())
        };
        let all: Vec<_> = (1..).zip(votes).map(|(number, (power, _))| signer(number, *power)).collect();
        let signature = |(info, (_, millis)): (&validator::Info, &(u64, Option<u64>))| match millis {
            None => CommitSig::BlockIdFlagAbsent,
            Some(millis) => CommitSig::BlockIdFlagCommit {
                validator_address: info.address,
                // The part below a millisecond is cut off.
                timestamp: format!("1970-01-01T00:00:0{}.{:03}999Z", millis / 1_000, millis % 1_000).parse().unwrap(),
                signature: None,
            },
        };
        let signatures: Vec<CommitSig> = all.iter().zip(votes).map(signature).collect();
        median_time(&signatures, &validator::Set::without_proposer(all))
    }

    #[test]
    fn the_time_of_the_next_block_is_the_median_by_power() {
        // The rule is CometBFT's own: the first, in order of time, with which half of the power is reached.
        for (votes, expected) in [
            (&[(10, Some(5_000))][..], Some(5_000)),
            (&[(27, Some(9_000)), (33, Some(1_000)), (40, Some(5_123))], Some(5_123)),
            (&[(1, Some(9_000)), (1, Some(1_000)), (1, Some(5_123))], Some(1_000)),
            (&[(1, Some(1_000)), (1, Some(2_000)), (1, Some(3_000)), (1, Some(4_000))], Some(2_000)),
            (&[(10, Some(9_000)), (1, Some(1_000)), (1, Some(2_000))], Some(9_000)),
            (&[(10, None), (1, Some(1_000)), (2, Some(2_000))], Some(1_000)),
            (&[(10, None)], None),
            (&[], None),
        ] {
            assert_eq!(median(votes), expected.map(Time), "{votes:?}");
        }
    }

    #[test]
    fn words_about_heights_become_errors() {
        let ahead = "height 9 must be less than or equal to the current blockchain height 7";
        assert_eq!(at_height(RpcError::Refused(ahead.into()), 9), EngineError::NotYet { asked: 9, latest: 7 });
        let pruned = "height 2 is not available, lowest height is 5";
        assert_eq!(at_height(RpcError::Refused(pruned.into()), 2), EngineError::Gone(2));
        assert!(matches!(at_height(RpcError::Unreachable("x".into()), 2), EngineError::Unavailable(_)));
    }
}
