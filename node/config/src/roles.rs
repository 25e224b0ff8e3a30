//! Sets of settings that belong together: what a node keeps (its profile), and its place in a sentry set-up (its role).
//!
//! A validator behind sentries has connections to them alone, and nobody else learns its address. The sentries are full
//! nodes that anybody may connect to, so that whoever floods a node floods one that can be replaced.

use std::{fmt, str::FromStr};

use crate::{
    Override,
    check::{is_host_and_port, is_node_id},
};

/// What a node keeps and whom it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A validator: the last 100,000 blocks, and no snapshots.
    Validator,
    /// A node for its owner's questions and for others to join by: the blocks of two weeks, and snapshots.
    Full,
    /// A node that keeps all blocks, and snapshots.
    Archive,
    /// A full node whose API the pages of all sites may read.
    Public,
}

impl Profile {
    /// The names of all profiles.
    pub const NAMES: [&'static str; 4] = ["validator", "full", "archive", "public"];

    /// The settings of this profile that are not the defaults.
    pub fn settings(self) -> Vec<Override> {
        let settings: &[(&str, &str)] = match self {
            Self::Validator => &[("store.keep_blocks", "100000"), ("snapshot.every", "off")],
            Self::Full => &[("store.keep_time", "14d"), ("snapshot.every", "auto")],
            Self::Public => &[
                ("store.keep_time", "14d"),
                ("snapshot.every", "auto"),
                ("api.cors", "*"),
                ("api.connections_per_client", "64"),
                ("api.rate", "200"),
            ],
            Self::Archive => &[("store.keep_blocks", "0"), ("snapshot.every", "auto")],
        };
        settings.iter().map(|(key, value)| Override::flag("profile", key, value)).collect()
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "validator" => Ok(Self::Validator),
            "full" => Ok(Self::Full),
            "archive" => Ok(Self::Archive),
            "public" => Ok(Self::Public),
            _ => Err(format!("`{text}` is no profile: there are {}", Self::NAMES.join(", "))),
        }
    }
}

/// The address of another node among its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    id: String,
    address: String,
}

impl FromStr for PeerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no peer: write it as id@host:port, where the id has 40 hex digits");
        let (id, address) = text.split_once('@').ok_or_else(wrong)?;
        let is_peer = is_node_id(id) && is_host_and_port(address);
        is_peer.then(|| Self { id: id.to_lowercase(), address: address.into() }).ok_or_else(wrong)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

/// The place of a node in a sentry set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A validator that only its sentries know.
    Validator {
        /// The sentries.
        sentries: Vec<PeerAddress>,
    },
    /// A node between a validator and everybody else.
    Sentry {
        /// The validator behind it.
        validator: PeerAddress,
    },
}

impl Role {
    /// The settings of this role.
    pub fn settings(&self) -> Vec<Override> {
        let joined = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(",");
        let settings = match self {
            Self::Validator { sentries } => vec![
                ("comet.peers", joined(&mut sentries.iter().map(ToString::to_string))),
                ("comet.unconditional_peers", joined(&mut sentries.iter().map(|sentry| sentry.id.clone()))),
                ("comet.pex", "false".into()),
                // The limit does not count the sentries, so that nobody else gets in.
                ("comet.max_inbound", "0".into()),
            ],
            Self::Sentry { validator } => vec![
                ("comet.peers", validator.to_string()),
                ("comet.unconditional_peers", validator.id.clone()),
                ("comet.private_peers", validator.id.clone()),
                ("comet.pex", "true".into()),
            ],
        };
        settings.into_iter().map(|(key, value)| Override::flag("role", key, value)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Config;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_validator_knows_its_sentries_alone_and_a_sentry_tells_nobody_of_its_validator() {
        let sentries = ["a.example:26656", "[2001:db8::1]:1"].map(|address| format!("{ID}@{address}").parse().unwrap());
        let validator = Role::Validator { sentries: sentries.to_vec() };
        let config = Config::default().with(&validator.settings()).unwrap().comet;
        assert_eq!(config.peers, [format!("{ID}@a.example:26656"), format!("{ID}@[2001:db8::1]:1")]);
        assert_eq!((config.pex, config.max_inbound, config.unconditional_peers), (false, 0, vec![ID.to_owned(); 2]));
        let sentry = Role::Sentry { validator: format!("{ID}@10.0.0.7:26656").parse().unwrap() };
        let config = Config::default().with(&sentry.settings()).unwrap().comet;
        assert_eq!(
            (config.pex, config.private_peers, config.unconditional_peers),
            (true, vec![ID.into()], vec![ID.into()])
        );
        assert_eq!(config.peers, [format!("{ID}@10.0.0.7:26656")]);
    }

    #[test]
    fn what_is_no_peer_or_profile_is_told() {
        for bad in ["a.example:26656", "0123@a.example:1", &format!("{ID}@a.example"), &format!("{ID}g@a.example:1")] {
            assert!(bad.parse::<PeerAddress>().unwrap_err().contains("id@host:port"), "{bad}");
        }
        for name in Profile::NAMES {
            Config::default().with(&name.parse::<Profile>().unwrap().settings()).unwrap();
        }
        assert_eq!(
            "light".parse::<Profile>().unwrap_err(),
            "`light` is no profile: there are validator, full, archive, public"
        );
    }
}
