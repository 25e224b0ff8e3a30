//! Sets of settings that belong together: what a node keeps (its profile), and its place in a sentry set-up (its role).
//!
//! A validator behind sentries has connections to them alone, and nobody else learns its address. The sentries are full
//! nodes that anybody may connect to, so that whoever floods a node floods one that can be replaced.

use std::{fmt, str::FromStr};

use crate::{
    Comet, Override,
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

impl PeerAddress {
    /// Adds this peer to those that are known, in place of one of the same id whose address differs; tells of that one. The
    /// text of the others stays as it is.
    pub fn join(&self, known: &mut Vec<String>) -> Joined {
        let mut same = known
            .iter_mut()
            .filter(|known| known.split_once('@').is_some_and(|(id, _)| id.eq_ignore_ascii_case(&self.id)));
        match same.next() {
            None => {
                known.push(self.to_string());
                Joined::Added
            }
            Some(old) if old.split_once('@').is_some_and(|(_, address)| address == self.address) => Joined::Known,
            Some(old) => Joined::InsteadOf(std::mem::replace(old, self.to_string())),
        }
    }
}

/// What became of peers to which one was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It was one of them, with this address.
    Known,
    /// It is one more.
    Added,
    /// It is there instead of this one, which has the same id and another address.
    InsteadOf(String),
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
    /// The settings of this role for a node that has these now. What the other role sets and this one does not goes back to its
    /// default, so that a node can change its place.
    pub fn settings(&self, now: &Comet) -> Vec<Override> {
        let default = Comet::default();
        let joined = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(",");
        let settings = match self {
            Self::Validator { sentries } => vec![
                ("comet.peers", joined(&mut sentries.iter().map(ToString::to_string))),
                ("comet.unconditional_peers", joined(&mut sentries.iter().map(|sentry| sentry.id.clone()))),
                ("comet.private_peers", joined(&mut default.private_peers.into_iter())),
                ("comet.pex", "false".into()),
                // The limit does not count the sentries, so that nobody else gets in.
                ("comet.max_inbound", "0".into()),
            ],
            Self::Sentry { validator } => {
                // Without the peers that it has, a sentry with an empty address book would find nobody but its validator.
                let mut peers = now.peers.clone();
                validator.join(&mut peers);
                // Whom it has kept secret so far stays secret: it may stand before another validator too.
                let secret = now.private_peers.iter().filter(|id| !id.eq_ignore_ascii_case(&validator.id)).cloned();
                let secret: Vec<String> = secret.chain([validator.id.clone()]).collect();
                let others = now.unconditional_peers.iter().filter(|id| **id != validator.id && secret.contains(id));
                let unconditional = &mut others.cloned().chain([validator.id.clone()]);
                // No operator closes a sentry by a number: 0 is left from the other role.
                let max_inbound = if now.max_inbound == 0 { default.max_inbound } else { now.max_inbound };
                vec![
                    ("comet.peers", joined(&mut peers.into_iter())),
                    ("comet.unconditional_peers", joined(unconditional)),
                    ("comet.private_peers", joined(&mut secret.iter().cloned())),
                    ("comet.pex", "true".into()),
                    ("comet.max_inbound", max_inbound.to_string()),
                ]
            }
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
        let config = Config::default().with(&validator.settings(&Comet::default())).unwrap().comet;
        assert_eq!(config.peers, [format!("{ID}@a.example:26656"), format!("{ID}@[2001:db8::1]:1")]);
        assert_eq!((config.pex, config.max_inbound, config.unconditional_peers), (false, 0, vec![ID.to_owned(); 2]));
        let sentry = Role::Sentry { validator: format!("{ID}@10.0.0.7:26656").parse().unwrap() };
        let config = Config::default().with(&sentry.settings(&Comet::default())).unwrap().comet;
        assert_eq!(
            (config.pex, config.private_peers, config.unconditional_peers),
            (true, vec![ID.into()], vec![ID.into()])
        );
        assert_eq!(config.peers, [format!("{ID}@10.0.0.7:26656")]);
    }

    #[test]
    fn a_sentry_keeps_its_peers_and_a_node_that_changes_its_place_keeps_nothing_of_the_other_role() {
        let other = "89abcdef0123456789abcdef0123456789abcdef@b.example:1";
        let validator: PeerAddress = format!("{ID}@10.0.0.7:26656").parse().unwrap();
        let (sentry, behind) =
            (Role::Sentry { validator: validator.clone() }, Role::Validator { sentries: vec![other.parse().unwrap()] });
        let take = |role: &Role, now: &Config| now.clone().with(&role.settings(&now.comet)).unwrap();
        let joined = Config::default().with(&[Override::flag("x", "comet.peers", other)]).unwrap();
        let both = [other.to_owned(), validator.to_string()];
        let once = take(&sentry, &joined);
        assert_eq!(once.comet.peers, both);
        assert_eq!(take(&sentry, &once), once, "it is taken twice as once");
        // Its validator has moved to another address, and the id was written in capitals.
        let moved = format!("{}@10.0.0.9:1,{other}", ID.to_uppercase());
        let moved = Config::default().with(&[Override::flag("x", "comet.peers", moved)]).unwrap();
        assert_eq!(take(&sentry, &moved).comet.peers, [validator.to_string(), other.to_owned()]);

        let hidden = take(&behind, &once);
        assert_eq!((hidden.comet.private_peers.len(), hidden.comet.max_inbound), (0, 0));
        assert_eq!(hidden.comet.peers, [other]);
        let open = take(&sentry, &hidden);
        assert_eq!(open, once, "it lets everybody in again");
        // What an operator has set is his.
        let wide = once.clone().with(&[Override::flag("x", "comet.max_inbound", "100")]).unwrap();
        assert_eq!(take(&sentry, &wide), wide);
        // A sentry of two validators tells of neither.
        let second = Role::Sentry { validator: format!("{}@10.0.0.8:1", "ab".repeat(20)).parse().unwrap() };
        let two = take(&second, &once).comet;
        assert_eq!((&two.private_peers, two.peers.len()), (&two.unconditional_peers, 3));
        assert_eq!(two.private_peers, [ID.to_owned(), "ab".repeat(20)]);
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
