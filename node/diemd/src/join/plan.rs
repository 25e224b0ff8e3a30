//! What the nodes behind the URLs say, compared with each other before anything is written.

use std::time::Duration;

use diem_api::{Hash, Status};
use diem_client::{
    Client, ClientError,
    verify::{Trust, VerifyError, header_hash, header_time, trusting_period},
};
use diem_comet::Peer;
use diem_config::roles::PeerAddress;
use diem_core::Time;
use diem_host::clock::wall_clock;
use diem_types::GenesisDoc;

/// The time that is left of the trusting period for what comes between the plan and CometBFT's look at the trusted block; of
/// a short period, as development chains have it, a quarter.
const MARGIN: Duration = Duration::from_secs(60);
const SHORT_MARGIN: u32 = 4;

/// The most characters of an address that a node names: a name of a host has 253 at most.
const LONGEST_ADDRESS: usize = 320;

/// The ways into a chain whose first blocks are gone.
const BY_SNAPSHOT: &str =
    "Join by the snapshot that they offer, without --from-genesis, or name an archive node, which keeps all blocks";
const BY_ANOTHER: &str = "None of them offers a snapshot either: name a node that does, let an operator take one \
                          (`diemd snapshot create`) and try again, or name an archive node, which keeps all blocks";

/// What the operator asks for.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) urls: Vec<String>,
    pub(crate) genesis_hash: Option<Hash>,
    /// The height and the hash of a block that the operator trusts.
    pub(crate) trust: Option<(u64, Hash)>,
    /// Whether all blocks are executed, so that nothing but the genesis is trusted.
    pub(crate) from_genesis: bool,
}

/// What the nodes say, as far as they agree.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) genesis: GenesisDoc,
    pub(crate) peers: Vec<Peer>,
    /// The height and the hash of the trusted block.
    pub(crate) trust: (u64, Hash),
    /// The time of the trusted block.
    pub(crate) time: Time,
    /// Why this block is trusted, as a sentence.
    pub(crate) reason: String,
    /// Whether the operator has to compare it with a source that he trusts.
    pub(crate) asks: bool,
    pub(crate) period: Duration,
    /// The newest snapshot that all nodes offer.
    pub(crate) snapshot: Option<u64>,
    /// The lowest block that the nodes still have, and the URL of the one that has it, where none has the first block.
    pub(crate) pruned: Option<(u64, String)>,
    /// The URLs that lead to a node that an earlier one leads to, each with that earlier one.
    pub(crate) twice: Vec<(String, String)>,
}

/// Why the nodes cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// A URL is none.
    #[error(transparent)]
    Url(ClientError),
    /// Nobody listens at a URL.
    #[error("no node answers at {url} ({reason}): start that node, or name another one of the chain")]
    Unreachable {
        /// The URL.
        url: String,
        /// The reason that the system gives.
        reason: String,
    },
    /// A node does not answer as it should.
    #[error(transparent)]
    Client(ClientError),
    /// Two nodes are of different chains, or the genesis is not the promised one.
    #[error("the genesis of {url} has hash {found}, and {wanted_by} has {wanted}: these are different chains")]
    Genesis {
        /// The URL of the node.
        url: String,
        /// The hash of its genesis.
        found: Hash,
        /// Who wants another.
        wanted_by: String,
        /// The hash that is wanted.
        wanted: Hash,
    },
    /// Two nodes show different headers of a height.
    #[error(
        "{one} and {other} show different headers of block {height}: one of them lies or is on another fork; find out \
         which, and leave it out"
    )]
    Headers {
        /// The height.
        height: u64,
        /// The URL of the first node.
        one: String,
        /// The URL of the second one.
        other: String,
    },
    /// A header does not hold.
    #[error("what {url} shows of block {height} does not hold: {error}")]
    Unproven {
        /// The URL of the node.
        url: String,
        /// The height.
        height: u64,
        /// The fault.
        error: Box<VerifyError>,
    },
    /// The named block is older than its validators answer for.
    #[error(
        "block {height} is of {time}, and validators answer for what they sign for {days} days only: name a newer block that \
         you trust"
    )]
    Expired {
        /// The height of the block.
        height: u64,
        /// The time of its header.
        time: Time,
        /// The trusting period in days.
        days: u64,
    },
    /// There is nothing from which trust can begin.
    #[error(
        "this chain is older than its validators answer for ({days} days), so that its genesis proves nothing about it, and \
         no node offers a snapshot: name a block that you trust with --trust HEIGHT:HASH"
    )]
    NoTrust {
        /// The trusting period in days.
        days: u64,
    },
    /// None of the nodes has the first block, from which all blocks would be executed.
    #[error("no node that you named has block {height} any more: the lowest is {lowest}, of {url}. {way}")]
    Pruned {
        /// The height of the first block.
        height: u64,
        /// The lowest block that one of the nodes has.
        lowest: u64,
        /// The URL of that node.
        url: String,
        /// What the operator can do, as a sentence.
        way: &'static str,
    },
    /// A node has no peer address, which a development engine has not.
    #[error("{0} has no address for peers: it runs the development engine, which nobody can join")]
    NoPeers(String),
    /// A node names as its own address for peers what is none.
    #[error("{url} says that peers find it at {said:?}, which is no id@host:port: join by another node")]
    NoAddress {
        /// The URL of the node.
        url: String,
        /// What it says.
        said: String,
    },
    /// No node is named.
    #[error("name a node of the chain by the URL of its HTTP API")]
    NoNode,
}

impl From<ClientError> for PlanError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Url(_) => Self::Url(error),
            ClientError::Unreachable { url, reason } => Self::Unreachable { url, reason },
            _ => Self::Client(error),
        }
    }
}

impl PlanError {
    /// Whether the command line is wrong, whatever the nodes say.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    fn unproven(client: &Client, height: u64, error: VerifyError) -> Self {
        Self::Unproven { url: client.url().into(), height, error: Box::new(error) }
    }
}

/// The nodes behind the URLs.
struct Nodes {
    clients: Vec<Client>,
    statuses: Vec<Status>,
}

impl Join {
    /// Asks all nodes, and compares what they say.
    ///
    /// # Errors
    /// [`PlanError`]; nothing was written.
    pub(crate) async fn plan(&self) -> Result<Plan, PlanError> {
        let nodes = Nodes::ask(&self.urls).await?;
        let genesis = nodes.genesis(self.genesis_hash).await?;
        let (peers, twice) = (nodes.peers()?, nodes.twice());
        let period = trusting_period(&genesis);
        let snapshot = nodes.common_snapshot();
        let pruned = lowest(nodes.said()).filter(|(lowest, _)| *lowest > genesis.initial_height);
        if let Some((lowest, url)) = pruned.clone()
            && (self.from_genesis || !nodes.offer())
        {
            let way = if nodes.offer() { BY_SNAPSHOT } else { BY_ANOTHER };
            return Err(PlanError::Pruned { height: genesis.initial_height, lowest, url, way });
        }
        let (trust, time, reason, asks) = match self.trust {
            Some((height, hash)) => {
                let time = nodes.header(&genesis, height, Some(hash)).await?.1;
                if is_old(time, period) {
                    return Err(PlanError::Expired { height, time, days: days(period) });
                }
                ((height, hash), time, format!("block {height} is trusted because you named it"), false)
            }
            None if self.from_genesis => {
                let height = genesis.initial_height;
                let (hash, time) = nodes.header(&genesis, height, None).await?;
                ((height, hash), time, "the genesis is trusted: all blocks are executed".into(), false)
            }
            // CometBFT looks at it some seconds later, when it must still be young enough.
            None if is_young(&genesis, period) && nodes.all_have(genesis.initial_height) => {
                let trust = nodes.first_header(&genesis).await?;
                let time = genesis.genesis_time;
                (trust, time, "the genesis is trusted: it is younger than its validators answer for".into(), false)
            }
            None => {
                let height = nodes.shown_snapshot().ok_or_else(|| PlanError::NoTrust { days: days(period) })?;
                let (hash, time) = nodes.header(&genesis, height, None).await?;
                if is_old(time, period) {
                    return Err(PlanError::Expired { height, time, days: days(period) });
                }
                // Where the first block is gone, the genesis may still prove a later one by itself.
                let proven = is_young(&genesis, period) && nodes.follows_from_genesis(&genesis, height).await;
                let reason = if proven {
                    format!("block {height} is trusted because validators of the genesis have signed it")
                } else {
                    let who = if self.urls.len() == 1 { "the only node" } else { "each node" };
                    format!("block {height} is trusted because {who} that you named shows it")
                };
                ((height, hash), time, reason, !proven)
            }
        };
        Ok(Plan { genesis, peers, trust, time, reason, asks, period, snapshot, pruned, twice })
    }
}

/// Whether this time is so long ago that validators do not answer any more for what they signed then.
fn is_old(time: Time, period: Duration) -> bool {
    let age = wall_clock()().saturating_sub(time.millis());
    Duration::from_millis(age) >= period
}

/// Whether the validators of a genesis answer for it for some time yet.
fn is_young(genesis: &GenesisDoc, period: Duration) -> bool {
    !is_old(genesis.genesis_time, period.saturating_sub(margin(period)))
}

/// The lowest block that any of these nodes has, and the URL of that node; `None` where one of them does not tell, or
/// there are none. `said` has the URL and the first block of each.
pub(super) fn lowest<'a>(said: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> Option<(u64, String)> {
    let told: Option<Vec<_>> = said.into_iter().map(|(url, first)| Some((first?, url))).collect();
    told?.into_iter().min().map(|(first, url)| (first, url.into()))
}

/// The time that must be left of this trusting period for a plan.
fn margin(period: Duration) -> Duration {
    period.checked_div(SHORT_MARGIN).unwrap_or_default().min(MARGIN)
}

fn days(period: Duration) -> u64 {
    period.as_secs() / 86_400
}

impl Nodes {
    async fn ask(urls: &[String]) -> Result<Self, PlanError> {
        let clients: Vec<Client> = urls.iter().map(|url| Client::new(url)).collect::<Result<_, _>>()?;
        let mut statuses = Vec::new();
        for client in &clients {
            statuses.push(client.status().await?);
        }
        Ok(Self { clients, statuses })
    }

    fn first(&self) -> &Client {
        #[expect(clippy::indexing_slicing, reason = "the command takes at least one URL")]
        &self.clients[0]
    }

    /// The genesis of the first node, whose hash all others name.
    async fn genesis(&self, wanted: Option<Hash>) -> Result<GenesisDoc, PlanError> {
        let first = self.first();
        let genesis = first.genesis().await?;
        let hash = Hash(genesis.hash());
        let differs = |url: &str, found: Hash, wanted_by: &str, wanted: Hash| PlanError::Genesis {
            url: url.into(),
            found,
            wanted_by: wanted_by.into(),
            wanted,
        };
        match wanted {
            Some(wanted) if wanted != hash => return Err(differs(first.url(), hash, "--genesis-hash", wanted)),
            _ => {}
        }
        for (client, status) in self.clients.iter().zip(&self.statuses) {
            if status.genesis_hash != hash {
                return Err(differs(client.url(), status.genesis_hash, first.url(), hash));
            }
        }
        Ok(genesis)
    }

    /// The addresses at which the nodes take peers: where a node names none, the host of its URL.
    fn peers(&self) -> Result<Vec<Peer>, PlanError> {
        let peer = |(client, status): (&Client, &Status)| {
            let own = status.peer.as_ref().ok_or_else(|| PlanError::NoPeers(client.url().into()))?;
            let address = own.address.clone().unwrap_or_else(|| format!("{}:{}", host(client.url()), own.port));
            let said: String = format!("{}@{address}", own.id).chars().take(LONGEST_ADDRESS).collect();
            if said.parse::<PeerAddress>().is_err() {
                return Err(PlanError::NoAddress { url: client.url().into(), said });
            }
            Ok(Peer { id: own.id.clone(), address })
        };
        // One node may have several URLs.
        let mut peers: Vec<Peer> = Vec::new();
        for found in self.clients.iter().zip(&self.statuses).map(peer) {
            let found = found?;
            if peers.iter().all(|known| known.id != found.id) {
                peers.push(found);
            }
        }
        Ok(peers)
    }

    /// The URL and the first block of each node, where it tells.
    fn said(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        self.clients.iter().zip(&self.statuses).map(|(client, status)| (client.url(), status.first_block))
    }

    /// Whether any of the nodes offers a snapshot.
    fn offer(&self) -> bool {
        self.statuses.iter().any(|status| !status.snapshots.is_empty())
    }

    /// Whether all nodes have the header of this height, as far as they tell.
    fn all_have(&self, height: u64) -> bool {
        self.statuses.iter().all(|status| status.first_block.is_none_or(|first| first <= height))
    }

    /// The newest snapshot that all nodes offer, or else the newest of any whose header all have.
    fn shown_snapshot(&self) -> Option<u64> {
        let offered = || self.statuses.iter().flat_map(|status| status.snapshots.iter().copied());
        let is_there = |height: u64| {
            self.all_have(height)
                && self.statuses.iter().all(|status| status.latest.is_some_and(|head| head.height >= height))
        };
        self.common_snapshot().or_else(|| offered().filter(|height| is_there(*height)).max())
    }

    /// Whether validators of the genesis have signed this block in such number that it needs no other trust.
    async fn follows_from_genesis(&self, genesis: &GenesisDoc, height: u64) -> bool {
        let Ok(block) = self.first().light_block(height).await else { return false };
        Trust::from_genesis(genesis).and_then(|start| start.advance(&block, Time(wall_clock()()))).is_ok()
    }

    /// The URLs that lead to a node that an earlier one leads to, each with that earlier one.
    fn twice(&self) -> Vec<(String, String)> {
        let id = |at: usize| self.statuses.get(at).and_then(|status| status.peer.as_ref()).map(|peer| &peer.id);
        let earlier = |at: usize| (0..at).find(|other| id(at).is_some() && id(*other) == id(at));
        let url = |at: usize| self.clients.get(at).map(|client| client.url().to_owned());
        (0..self.clients.len()).filter_map(|at| Some((url(at)?, url(earlier(at)?)?))).collect()
    }

    /// The newest snapshot that all nodes offer.
    fn common_snapshot(&self) -> Option<u64> {
        let (first, others) = self.statuses.split_first()?;
        let all_have = |height: &&u64| others.iter().all(|status| status.snapshots.contains(*height));
        first.snapshots.iter().filter(all_have).max().copied()
    }

    /// The first header of the chain, which the validators of the genesis have signed.
    async fn first_header(&self, genesis: &GenesisDoc) -> Result<(u64, Hash), PlanError> {
        let (first, height) = (self.first(), genesis.initial_height);
        let block = first.light_block(height).await?;
        let verified = Trust::from_genesis(genesis)
            .and_then(|start| start.advance(&block, Time(wall_clock()())))
            .and_then(|_| header_hash(&block));
        Ok((height, Hash(verified.map_err(|error| PlanError::unproven(first, height, error))?)))
    }

    /// Hash and time of a header, which all nodes have to show alike, and `wanted` where it is known.
    async fn header(&self, genesis: &GenesisDoc, height: u64, wanted: Option<Hash>) -> Result<(Hash, Time), PlanError> {
        let (mut agreed, mut time) = (wanted, Time(0));
        for client in &self.clients {
            let block = client.light_block(height).await?;
            let unproven = |error| PlanError::unproven(client, height, error);
            let hash = Hash(header_hash(&block).map_err(unproven)?);
            if *agreed.get_or_insert(hash) != hash {
                let one = if wanted.is_some() { "--trust" } else { self.first().url() };
                return Err(PlanError::Headers { height, one: one.into(), other: client.url().into() });
            }
            Trust::from_header(genesis, hash.0, &block).map_err(unproven)?;
            time = header_time(&block).map_err(unproven)?;
        }
        Ok((agreed.ok_or(PlanError::NoNode)?, time))
    }
}

/// The host of a URL, in brackets where it is an IPv6 address.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.into(),
        _ => authority.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_leaves_a_minute_of_a_long_period_and_a_quarter_of_a_short_one() {
        let day = Duration::from_secs(86_400);
        assert_eq!(margin(14 * day), Duration::from_secs(60));
        assert_eq!(margin(Duration::from_secs(80)), Duration::from_secs(20));
    }

    #[test]
    fn the_lowest_block_is_known_where_every_node_tells() {
        let said = |first: [Option<u64>; 2]| lowest(["a", "b"].into_iter().zip(first));
        assert_eq!(said([Some(9), Some(4)]), Some((4, "b".into())));
        assert_eq!(said([Some(9), None]), None);
        assert_eq!(lowest([]), None);
    }

    #[test]
    fn the_host_of_a_url_stands_without_port_path_and_user() {
        for (url, expected) in [
            ("http://127.0.0.1:1317", "127.0.0.1"),
            ("https://node.example", "node.example"),
            ("https://user:pass@node.example:8443/v1", "node.example"),
            ("http://[::1]:1317/", "[::1]"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
