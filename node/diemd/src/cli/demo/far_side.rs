//! Whether the last act can be played, which is found out before the first: it goes to Base.

use anyhow::anyhow;
use diem_api::BridgeStage;
use diem_base::{Base, BaseError};
use diem_cli::{Failure, failure::usage};
use diem_client::Client;

/// The local Base, as the demo finds it.
pub(super) enum FarSide {
    /// The bridge is at work, and its contract answers.
    Answers,
    /// This chain has no bridge at work, for this reason: the last act is left out.
    Missing(String),
}

/// Looks for the contract of the bridge at this endpoint.
///
/// # Errors
/// The node does not answer, or the bridge is at work and its contract does not answer there. Nothing was played.
pub(super) async fn look(client: &Client, base_rpc: &str) -> Result<FarSide, Failure> {
    let bridge = client.bridge().await?.answer;
    let contract = bridge.contract.filter(|_| bridge.stage == BridgeStage::AtWork);
    let Some((chain_id, place)) = contract.and_then(|contract| Some((contract.base_chain_id, contract.deployed?)))
    else {
        let step = bridge.next_step.map(|step| format!(" ({step})")).unwrap_or_default();
        return Ok(FarSide::Missing(format!(
            "this chain has no bridge at work{step}, so the act is left out. A devnet that was started without \
             `--no-base`, and that finds anvil or can install it, has one; otherwise its screen says why it has none"
        )));
    };
    let answers = async {
        let base = Base::connect(base_rpc, chain_id).await?;
        diem_base::Bridge::new(base, place.bridge).state().await
    };
    answers.await.map(|_| FarSide::Answers).map_err(|error| not_there(base_rpc, &error))
}

fn not_there(base_rpc: &str, error: &BaseError) -> Failure {
    usage(anyhow!(
        "the demo ends on the local Base, and the bridge is not found at {base_rpc}: {error}. Name that of this devnet \
         with --base-rpc: its screen shows it as rpc of the local Base. Nothing was played"
    ))
}
