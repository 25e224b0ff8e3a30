//! What this project speaks to Base, the network on which the bridge's contract lies: JSON-RPC to an endpoint, the
//! contract read and called, transactions signed, sent and seen through.
//!
//! ```text
//! endpoint    one endpoint: requests, bounded in time and size
//! base        the network: its chain id, blocks, balances, code
//! bridge      the contract as it is now
//! call        what the contract can be asked to do, as bytes
//! sender      an account that sends transactions; flight sees each through, price says what it pays
//! gas         what a transaction costs: gas, and the fee for its data
//! contract    the artifacts of the contracts: code, ABI, names of errors; refusals says what each of these means
//! header      headers of blocks, by their hash; trie and proof: accounts and slots, by the header's root
//! fetch       headers and proofs from an endpoint; events: the bridge's logs
//! quorum      several endpoints, of which enough have to agree; survey: what follows from what they said
//! check       what an endpoint is good for
//! code        the code that the contracts have
//! dev         what only a local chain for development does
//! ```
//!
//! ```no_run
//! # async fn example(key: diem_core::keys::EthereumKey, address: diem_core::Address) -> Result<(), diem_base::BaseError> {
//! use diem_base::{Base, Bridge, Sender};
//!
//! let base = Base::connect("http://127.0.0.1:8545", 8453).await?;
//! let bridge = Bridge::new(base.clone(), address);
//! println!("set {} is stored", bridge.state().await?.set_nonce);
//! let sender = Sender::new(base, key);
//! println!("{} pays the gas", sender.address().to_hex());
//! # Ok(())
//! # }
//! ```

// A clock is the business of whoever waits for a network.
#![allow(clippy::disallowed_methods)]

mod base;
mod bridge;
mod call;
mod check;
mod code;
mod contract;
mod convert;
mod dev;
mod endpoint;
mod error;
mod events;
mod fetch;
mod flight;
mod gas;
mod header;
#[cfg(test)]
mod known;
mod price;
mod proof;
mod quorum;
mod receipt;
mod refusals;
mod sender;
mod survey;
mod trie;

pub use base::{Base, BaseBlock};
pub use bridge::{Bridge, Limits, NextLimits, PauseState};
pub use call::Call;
pub use check::{EndpointReport, SeenBlock, USUAL_PROOF_WINDOW, check_endpoint};
pub use code::{CodeHashes, code_hashes};
pub use contract::{ContractError, init_code};
pub use dev::Dev;
pub use error::BaseError;
pub use events::FoundEvent;
pub use fetch::BlockName;
pub use header::{BlockHeader, HeaderError, MAX_HEADER_BYTES};
pub use proof::{Account, CheckpointProof, Facts, MAX_PROOF_BYTES, Part, ProofError};
pub use quorum::{MAX_ASKED, MAX_ENDPOINTS, Quorum, RefusedEndpoint};
pub use receipt::{Logged, Receipt};
pub use sender::{Deployed, MAX_GAS, Sender, Terms};
pub use survey::Survey;
pub use trie::TrieError;
