//! The place of a node in a sentry set-up, as `diemd init` and `diemd config role` are told it.

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use diem_cli::{Failure, failure::usage};
use diem_config::roles::{PeerAddress, Role};

/// The name of a place in a sentry set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    /// Behind sentries.
    Validator,
    /// Between a validator and everybody else.
    Sentry,
}

/// The other side of a sentry set-up.
#[derive(Debug, Args)]
pub(super) struct OtherSide {
    /// The sentries of this validator, the only nodes that it talks to; id@host:port, separated by commas.
    #[arg(long, value_name = "PEERS", value_delimiter = ',')]
    sentries: Vec<PeerAddress>,
    /// The validator behind this sentry, of which nobody is told; id@host:port.
    #[arg(long, value_name = "PEER")]
    validator: Option<PeerAddress>,
}

impl OtherSide {
    /// The role of this name beside the other side; `None` where neither is given.
    pub(super) fn role(&self, name: Option<RoleName>) -> Result<Option<Role>, Failure> {
        match (name, self.sentries.as_slice(), &self.validator) {
            (None, [], None) => Ok(None),
            (None, ..) => {
                Err(usage(anyhow!("--sentries and --validator belong to a role: add --role validator or sentry")))
            }
            (Some(RoleName::Validator), sentries @ [_, ..], None) => {
                Ok(Some(Role::Validator { sentries: sentries.to_vec() }))
            }
            (Some(RoleName::Validator), ..) => Err(usage(anyhow!(
                "a validator behind sentries needs them and nothing else: --sentries id@host:port,id@host:port"
            ))),
            (Some(RoleName::Sentry), [], Some(validator)) => Ok(Some(Role::Sentry { validator: validator.clone() })),
            (Some(RoleName::Sentry), ..) => {
                Err(usage(anyhow!("a sentry needs its validator and nothing else: --validator id@host:port")))
            }
        }
    }
}
