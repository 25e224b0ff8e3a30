//! A typed client of a node's HTTP API: requests in the JSON types of [`diem_api`], building of transactions, the guard
//! of what is signed, and verification of proofs against validators that the user trusts.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use diem_client::{Client, LightClient, verify::Trust};
//!
//! let client = Client::new("http://127.0.0.1:1317")?;
//! let trust = Trust::from_genesis(&client.genesis().await?)?;
//! let mut light = LightClient::new(client, trust);
//! let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse()?;
//! let (_, verified) = light.account(&address, None).await?;
//! println!("{} at height {}", verified.account.vvv, verified.height);
//! # Ok(())
//! # }
//! ```

// A clock and threads are the business of whoever talks over a network.
#![allow(clippy::disallowed_methods)]

mod bridge;
pub mod build;
pub mod client;
mod dev;
mod economy;
pub mod guard;
pub mod light;
pub mod memory;
mod proven;
pub mod verify;

pub use client::{Client, ClientError};
pub use guard::{GasTable, Guard, KnownChain};
pub use light::{LightClient, LightError};
pub use memory::{Sender, Unsettled};
pub use proven::ProvenAnswer;
