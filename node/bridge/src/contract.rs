//! The proof that the contract on Base is the one of this version, before anything is signed for it.
//!
//! The address of the bridge follows from the code that creates it and from the arguments of its constructor. So whoever
//! has the same hash knows code *and first storage*: genuine code over storage that somebody planted has another address.

use std::time::Duration;

use diem_base::{Base, BaseError, init_code};
use diem_bridge::{Domain, bridge_address, setup, state::contract, token_address};
use diem_core::{StateRead, keccak256};

/// The time within which an endpoint has to show the contract.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks that the contract which the state names was created from this version's code with the state's arguments.
///
/// # Errors
/// The sentence for the log: what the chain names and what it should be.
pub(crate) fn prove(state: &dyn StateRead) -> Result<(), String> {
    let named = contract(state).and_then(|contract| contract.deployed).ok_or("the chain names no contract")?;
    let arguments = setup::constructor(state).ok_or("the chain does not know the arguments of the contract")?;
    let own = keccak256(&init_code(&arguments));
    let address = bridge_address(&arguments.salt, &own);
    if own == named.init_code_hash && address == named.bridge {
        return Ok(());
    }
    Err(format!(
        "the chain names a bridge on Base at {} from init code {}, but this version of diemd with the chain's arguments \
         creates it at {} from init code {}: nothing is signed for it, because its storage may have been planted; have \
         the authority activate the contract that `diemd bridge deploy` creates, or update diemd",
        named.bridge.to_hex(),
        hex::encode(named.init_code_hash),
        address.to_hex(),
        hex::encode(own),
    ))
}

/// Checks that an endpoint of Base shows code at both addresses.
///
/// # Errors
/// The sentence for the log.
pub(crate) async fn see(url: &str, domain: &Domain) -> Result<(), String> {
    let look = async {
        let base = Base::connect(url, domain.base_chain_id).await?;
        let bridge = base.code_hash(&domain.bridge).await?;
        Ok::<_, BaseError>(bridge.is_some() && base.code_hash(&token_address(&domain.bridge)).await?.is_some())
    };
    let unsigned = "nothing is signed until the contract was seen once";
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!(
            "the endpoint of Base shows no bridge at {}: {unsigned}; deploy it with `diemd bridge deploy`, or mend \
             `bridge.base_rpc`",
            domain.bridge.to_hex()
        )),
        Ok(Err(error)) => Err(format!("{error}; {unsigned}")),
        Err(_) => Err(format!("the endpoint of Base does not answer within {} s; {unsigned}", PATIENCE.as_secs())),
    }
}
