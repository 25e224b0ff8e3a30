//! Disks without room: one on which a snapshot would be taken, and one on which a snapshot is restored.

use std::fs;

use diem_client::Client;
use diem_config::Config;

use super::url;
use crate::support::{
    client::{height, reach, root, until},
    devnet::Devnet,
    disk::SmallDisk,
    network::turn,
    ports::Ports,
    process::{run, words},
    single::add_accounts,
};

/// So many that their snapshot needs more room than a node that has just started.
const ACCOUNTS: u32 = 20_000;

/// The API of a node whose default ports are moved by so much.
fn api(ports: &Ports) -> Client {
    let mut config = Config::default();
    config.move_ports(ports.offset).unwrap();
    Client::new(&format!("http://{}", config.api.listen)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_room_takes_no_snapshot_and_one_that_joins_goes_on_after_room_is_made() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let Some(mut disk) = SmallDisk::mount(folder.path(), "120m") else { return };
    let devnet = Devnet::of_long_trust(1, |doc| add_accounts(doc, ACCOUNTS));
    let first = devnet.client(0);
    until("a snapshot", async || (!first.status().await.ok()?.snapshots.is_empty()).then_some(())).await;

    let (home, log, ports) = (folder.path().join("home"), devnet.dir().join("small-disk.log"), Ports::claim());
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let prepared = devnet.dir().join("joiner");
    let line =
        ["join", url(&devnet, 0), "--home", prepared.to_str().unwrap(), "--no-start", "--yes", "--no-block-sync"];
    let joined = run(&line);
    assert!(joined.status.success(), "{}", words(&joined));
    assert_eq!(disk.run(&format!("cp -a '{}' '{}'", prepared.display(), home.display())), Some(0));
    // It starts however little room there is, so that its writes meet the end of it.
    let flags = format!("{} --set snapshot.every=1s --set disk.stop=off", ports.flags().join(" "));

    // The disk fills while the node starts, and while it restores: it ends with the sentence, and nothing of what it had
    // written stands in the way of the next start.
    let client = api(&ports);
    for room in ["64k", "1m"] {
        let filled = format!(
            "dd if=/dev/zero of='{0}/filler' bs=4k 2>/dev/null; truncate -s -{room} '{0}/filler'",
            home.display()
        );
        assert_eq!(disk.run(&filled), Some(0));
        disk.start(&home, &flags, &log);
        let (code, back) = disk.ended().await;
        disk = back;
        let last = said().lines().last().unwrap_or_default().to_owned();
        assert_eq!(code, Some(8), "with {room}: {}", said());
        assert!(last.contains("make room") || last.contains("free some"), "with {room}: {last}");
        assert_eq!(disk.run(&format!("rm '{}/filler'", home.display())), Some(0));
    }

    assert!(said().contains("it is fetched") && !said().contains("restored from a snapshot"), "{}", said());

    // There is room to join, and none for snapshots: the chain keeps it.
    disk.start(&home, &flags, &log);
    until("the joined node's first block", async || height(&client).await.filter(|height| *height > 0)).await;
    until("a refused snapshot", async || said().contains("stay free for the chain").then_some(())).await;
    let at = reach(&client, height(&client).await.unwrap() + 3).await;
    assert_eq!(root(&client, at).await, root(&first, at).await);
    let began = client.status().await.unwrap().began_at;
    assert!(began.is_some());
    assert!(client.status().await.unwrap().snapshots.is_empty(), "{}", said());

    // With room it takes them without a restart.
    assert_eq!(disk.run(&format!("mount -o remount,size=8g '{}'", folder.path().display())), Some(0));
    until("a snapshot", async || (!client.status().await.ok()?.snapshots.is_empty()).then_some(())).await;
    disk.run("kill $node");
    assert_eq!(disk.ended().await.0, Some(0), "{}", said());
}
