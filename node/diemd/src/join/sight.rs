//! What the nodes behind the URLs say of their chain while this one follows it: which blocks and snapshots they have.

use std::time::Duration;

use diem_api::Status;
use diem_client::Client;
use futures::future::join_all;

use super::plan::lowest;

/// The longest wait for one node: progress is said every few seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was heard last. A node that does not answer says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// The lowest block that one of the nodes has, and its URL; `None` where that is not known of all that are named.
    lowest: Option<(u64, String)>,
    /// The newest snapshot that one of the nodes offers, and its URL.
    snapshot: Option<(u64, String)>,
}

impl Sight {
    /// Asks all nodes at once.
    pub(super) async fn ask(clients: &[Client]) -> Self {
        let ask = async |client: &Client| tokio::time::timeout(PATIENCE, client.status()).await.ok()?.ok();
        let answers = join_all(clients.iter().map(ask)).await;
        Self::of(clients.iter().map(Client::url).zip(answers.iter().map(Option::as_ref)))
    }

    fn of<'a>(said: impl Iterator<Item = (&'a str, Option<&'a Status>)> + Clone) -> Self {
        let answers = || said.clone().filter_map(|(url, status)| Some((url, status?)));
        let newest = |(url, status): (&str, &Status)| Some((*status.snapshots.iter().max()?, url.to_owned()));
        Self {
            lowest: lowest(said.clone().map(|(url, status)| (url, status.and_then(|status| status.first_block)))),
            snapshot: answers().filter_map(newest).max(),
        }
    }

    /// Why the block `next` comes from none of the nodes, and what to do, as a sentence; `None` where one has it or may have
    /// it.
    pub(super) fn lacks(&self, next: u64) -> Option<String> {
        let (lowest, url) = self.lowest.as_ref().filter(|(lowest, _)| *lowest > next)?;
        let way = match &self.snapshot {
            Some((height, url)) => format!(
                "stop this node and begin by a snapshot, of which {url} offers one of height {height} (`diemd join {url} \
                 --again`, without --from-genesis)"
            ),
            None => "stop this node and join by one that offers a snapshot (`diemd join URL --again`)".into(),
        };
        Some(format!(
            "no node that this one joins by has block {next}: the lowest is {lowest}, of {url}. This node waits for one that \
             has it. Name an archive node in `comet.peers`, which keeps all blocks, or {way}"
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diem_api::Hash;

    use super::*;

    fn status(first_block: Option<u64>, snapshots: &[u64]) -> Status {
        Status {
            chain_id: "c".into(),
            genesis_hash: Hash([0; 32]),
            app_version: 1,
            version: "0".into(),
            moniker: "m".into(),
            engine: "cometbft".into(),
            engine_version: None,
            latest: None,
            oldest_state_height: None,
            began_at: None,
            first_block,
            snapshots: snapshots.to_vec(),
            catching_up: Some(false),
            peers: Some(1),
            trouble: None,
            peer: None,
            uptime_seconds: 1,
        }
    }

    #[test]
    fn a_block_is_missed_where_all_nodes_tell_that_they_begin_later() {
        let (archive, pruned, old) = (status(Some(1), &[]), status(Some(90), &[100, 200]), status(None, &[]));
        let of = |answers: [Option<&Status>; 2]| Sight::of(["a", "b"].into_iter().zip(answers));
        let lacks = of([Some(&pruned), Some(&pruned)]).lacks(7).unwrap();
        assert!(lacks.starts_with("no node that this one joins by has block 7: the lowest is 90, of a."), "{lacks}");
        assert!(lacks.contains("of which b offers one of height 200 (`diemd join b --again`"), "{lacks}");
        assert_eq!(of([Some(&pruned), Some(&pruned)]).lacks(90), None);
        // Of a node that is away or does not tell, it may come.
        for answers in
            [[Some(&pruned), Some(&archive)], [Some(&pruned), None], [Some(&pruned), Some(&old)], [None, None]]
        {
            assert_eq!(of(answers).lacks(7), None);
        }
    }
}
