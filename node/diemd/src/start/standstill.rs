//! Log lines about this node's part in consensus: how much power its key has, and, while no block comes, who is
//! missing.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_cli::output::quoted;
use diem_config::{
    Comet, SignerAddress,
    consensus_key::{KeyError, found_validator_key},
};
use diem_core::Time;
use diem_engine::{Engine, engine::ConsensusAddress, origin::Origin};
use diem_host::clock::wall_clock;
use diem_runtime::App;
use diem_staking::{consensus_address, query};
use tokio::sync::watch;

/// The most validators that a line names.
const NAMED: usize = 10;

/// The validators of the chain after the last block, or those of the genesis before the first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Members(BTreeMap<ConsensusAddress, Member>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    power: u64,
    name: String,
}

impl Members {
    /// The validators of the genesis: they are all that is known before the first block.
    fn of_genesis(origin: &Origin) -> Self {
        let Origin::Genesis { doc, .. } = origin else { return Self::default() };
        let moniker = |key: &[u8; 32]| {
            let found = doc.app.staking.validators.iter().find(|found| found.validator.consensus_key == *key);
            found.map(|found| found.validator.description.moniker.clone())
        };
        let member = |validator: &diem_types::GenesisValidator| {
            let (key, power) = (validator.public_key, validator.power);
            let name = moniker(&key).map_or_else(|| hex::encode(consensus_address(&key)), |moniker| quoted(&moniker));
            (consensus_address(&key), Member { power, name })
        };
        Self(doc.validators.iter().map(member).collect())
    }

    /// The validators of the last committed state; `None` before the first block.
    fn of_state(app: &App) -> Option<Self> {
        let snapshot = app.snapshot(None).ok().filter(|snapshot| snapshot.height() > 0)?;
        let ctx = snapshot.context();
        let member = |query::ConsensusMember { consensus_key, validator }| {
            let view = query::validator(&ctx, &validator.operator);
            let name = view.map_or_else(|_| validator.operator.to_string(), |view| quoted(&view.description.moniker));
            (consensus_address(&consensus_key), Member { power: validator.power, name })
        };
        Some(Self(query::consensus_set(&ctx).into_iter().map(member).collect()))
    }

    fn power(&self, of: Option<&ConsensusAddress>) -> u64 {
        of.and_then(|address| self.0.get(address)).map_or(0, |member| member.power)
    }

    fn total(&self) -> u64 {
        self.0.values().fold(0, |sum, member| sum.saturating_add(member.power))
    }

    /// The names of the validators for which `missing` holds, the strongest first.
    fn names(&self, missing: impl Fn(&ConsensusAddress) -> bool) -> String {
        let mut found: Vec<&Member> =
            self.0.iter().filter(|(address, _)| missing(address)).map(|(_, member)| member).collect();
        found.sort_by_key(|member| std::cmp::Reverse(member.power));
        let names: Vec<&str> = found.iter().take(NAMED).map(|member| member.name.as_str()).collect();
        match found.len().checked_sub(NAMED).filter(|more| *more > 0) {
            Some(more) => format!("{} and {more} more", names.join(", ")),
            None => names.join(", "),
        }
    }
}

/// The part of this node in consensus, with the sources that it is known from.
pub(super) struct Part {
    app: Arc<App>,
    own: Option<ConsensusAddress>,
    /// The remote signer that has the key, which nobody here knows.
    signer: Option<SignerAddress>,
    at_genesis: Members,
    /// The genesis time, for a chain that has not begun.
    starts_at: Option<Time>,
    /// Whether the configuration names any peer or seed.
    knows_peers: bool,
}

impl Part {
    /// Finds the part of the key in the CometBFT home `comet`.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(super) fn of(comet: &Path, config: &Comet, origin: &Origin, app: &Arc<App>) -> Result<Self, KeyError> {
        let signer = config.signer.0.clone();
        let key = if signer.is_none() { found_validator_key(comet)? } else { None };
        let own = key.map(|key| consensus_address(&key.verifying_key().to_bytes()));
        let knows_peers = !config.peers.is_empty() || !config.seeds.is_empty();
        let (at_genesis, starts_at) = (Members::of_genesis(origin), origin.starts_at());
        Ok(Self { app: Arc::clone(app), own, signer, at_genesis, starts_at, knows_peers })
    }

    fn members(&self) -> Members {
        Members::of_state(&self.app).unwrap_or_else(|| self.at_genesis.clone())
    }

    /// Logs once how much of the power this node has.
    pub(super) fn say(&self) {
        let members = self.members();
        let (own, total) = (members.power(self.own.as_ref()), members.total());
        if let Some(address) = &self.signer {
            tracing::info!(total, "a remote signer has this node's consensus key and connects to {address}");
        } else if own == 0 {
            tracing::info!("this node's key has no power: it follows the chain");
        } else if own == total {
            tracing::info!(power = own, "this node's key has all the power: it makes blocks alone");
        } else {
            let others = members.names(|address| Some(address) != self.own.as_ref());
            tracing::info!(
                power = own,
                total,
                "this node's key is one of several; more than two thirds of the power must sign each block. The others: {others}"
            );
        }
        if self.signer.is_none() && own < total && !self.knows_peers {
            tracing::warn!(
                "no other node is named in comet.peers or comet.seeds: this one waits until somebody connects to it"
            );
        }
    }

    /// Logs after each `patience` without a new block who is missing, until the node stops. Before the genesis time
    /// nobody is missing.
    pub(super) async fn watch(self, engine: Arc<dyn Engine>, mut heights: watch::Receiver<u64>, patience: Duration) {
        let ahead = self.starts_at.map_or(0, |start| start.millis().saturating_sub(wall_clock()()));
        tokio::time::sleep(Duration::from_millis(ahead)).await;
        let mut last = Instant::now();
        loop {
            match tokio::time::timeout(patience, heights.changed()).await {
                Ok(Ok(())) => last = Instant::now(),
                // The node has stopped.
                Ok(Err(_)) => return,
                Err(_) => self.complain(&*engine, last.elapsed()).await,
            }
        }
    }

    async fn complain(&self, engine: &dyn Engine, standing: Duration) {
        let members = self.members();
        let (voters, status) = (engine.voters().await, engine.status().await);
        let height = self.app.info().height;
        let (own, total) = (members.power(self.own.as_ref()), members.total());
        let peers = status.ok().and_then(|status| status.peers);
        match voters {
            Ok(heard) => {
                let here = |address: &ConsensusAddress| heard.contains(address) || Some(address) == self.own.as_ref();
                let present: u64 =
                    members.0.iter().filter(|(address, _)| here(address)).map(|(_, member)| member.power).sum();
                let missing = members.names(|address| !here(address));
                let missing = if missing.is_empty() {
                    "all validators are heard, and no block comes of it".into()
                } else {
                    format!("missing: {missing}")
                };
                tracing::warn!(
                    height,
                    power = own,
                    present,
                    total,
                    peers,
                    "no block for {} s. More than two thirds of the power must sign; {missing}",
                    standing.as_secs()
                );
            }
            Err(error) => {
                tracing::warn!(height, power = own, total, peers, "no block for {} s: {error}", standing.as_secs());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn members(powers: &[u64]) -> Members {
        let member = |(at, power): (usize, &u64)| {
            (ConsensusAddress::from([u8::try_from(at).unwrap(); 20]), Member { power: *power, name: format!("v{at}") })
        };
        Members(powers.iter().enumerate().map(member).collect())
    }

    #[test]
    fn the_missing_are_named_the_strongest_first_and_not_all_of_many() {
        let few = members(&[10, 30, 20]);
        assert_eq!((few.total(), few.power(Some(&[1; 20])), few.power(None)), (60, 30, 0));
        assert_eq!(few.names(|_| true), "v1, v2, v0");
        assert_eq!(few.names(|address| *address != [1; 20]), "v2, v0");
        let many = members(&[5; 13]);
        assert!(many.names(|_| true).ends_with("v9 and 3 more"), "{}", many.names(|_| true));
    }

    #[test]
    fn before_the_first_block_the_genesis_says_who_there_is_and_then_the_state() {
        let doc = diem_genesis::presets::preset("localnet").unwrap().unwrap();
        let origin = Origin::from(doc.resolve(Some(diem_core::Time(1_790_000_000_000))).unwrap());
        let at_genesis = Members::of_genesis(&origin);
        assert_eq!(at_genesis.total(), 44_800);
        assert!(at_genesis.names(|_| true).contains("\"validator-3\""));
        let app = App::in_memory(diem_runtime::Options::default());
        assert_eq!(Members::of_state(&app), None);
        let Origin::Genesis { doc, .. } = &origin else { panic!("a genesis") };
        app.init_chain(doc).unwrap();
        let block = diem_core::Block {
            info: diem_core::BlockInfo { height: 1, time: doc.genesis_time },
            proposer: [0; 20],
            votes: Vec::new(),
            misbehaviour: Vec::new(),
        };
        app.finalize(&block, [1; 32], &[]).unwrap();
        app.commit(Vec::new()).unwrap();
        assert_eq!(Members::of_state(&app), Some(at_genesis));
    }
}
