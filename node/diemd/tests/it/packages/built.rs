//! The images, built from the Dockerfile, and run by a container engine as the compose files and the book say. It is not
//! Docker's engine, so what it does not know is put over the compose files: how logs are kept, and limits of this machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use diem_client::Client;
use rustix::process::{Resource, Signal, getrlimit};
use serde_json::Value;

use crate::{
    docs::{marked, root},
    support::{
        client::{height, person, reach, until},
        containers::{Compose, Engine, Entry, TAG, USER},
        left_out::say,
    },
};

/// The most bytes of an image.
const LARGEST: u64 = 120_000_000;

/// The number of times that the images are built: `IMAGE_BUILDS`, where 0 takes what was built last.
fn builds() -> Option<usize> {
    Some(std::env::var("IMAGE_BUILDS").ok()?.parse().unwrap())
}

/// A compose file with what this engine needs otherwise for these services, and `more` for one of them. Docker's own way of
/// keeping logs is not known to it, limits above those of this process cannot be given, and the images are built already.
fn otherwise(services: &[&str], more: (&str, &str)) -> String {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(65_536);
    let mut file = "services:\n".to_owned();
    for service in services {
        file += &format!(
            "  {service}:\n    build: !reset null\n    logging: !override {{ driver: json-file }}\n    \
             ulimits: !override {{ nofile: {files}, nproc: 4096 }}\n{}",
            if more.0 == *service { more.1 } else { "" }
        );
    }
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_are_the_same_twice_and_run_as_the_compose_files_and_the_book_say() {
    let Some(builds) = builds() else {
        say("`make soak ARGS=image` builds and runs the images");
        return;
    };
    let mut engine = Engine::with_what_is_built();
    let mut contents = Vec::new();
    for _ in 0..builds {
        engine = Engine::build();
        contents.push(["node", "signer"].map(|image| engine.content(&name(image))));
    }
    for pair in contents.windows(2) {
        assert!(pair[0] == pair[1], "two builds differ in {:?}", differences(pair));
    }
    hadolint_finds_nothing(&engine);
    the_image_is_small_and_bare(&engine);

    engine.serve();
    let folder = tempfile::tempdir().unwrap();
    let validators = ["validator-1", "validator-2", "validator-3", "validator-4"];
    let services = [&["homes", "prometheus", "grafana"], &validators[..]].concat();
    // The image of Grafana cannot be made of packages: the service is put into a profile that nobody asks for.
    let without_grafana = "    profiles: [grafana]\n";
    let otherwise_here = otherwise(&services, ("grafana", without_grafana));
    let devnet = Compose::new(&engine, "compose.devnet.yml", &folder.path().join("devnet"), &otherwise_here);
    let up = block_of("compose.devnet.yml up");
    devnet.line(up.lines().next().unwrap(), &[]);
    let client = Client::new("http://127.0.0.1:1317").unwrap();
    reach(&client, 5).await;
    for validator in validators {
        let container = format!("diem-devnet-{validator}-1");
        is_confined(&engine, &container);
        until("health", async || (engine.health(&container) == "healthy").then_some(())).await;
    }
    prometheus_sees_all(validators.len()).await;

    a_node_joins_and_is_healthy_or_not(&engine, folder.path(), &client).await;
    devnet.line(up.lines().nth(1).unwrap(), &[]);
}

/// The whole name of an image, as an engine completes it.
fn name(image: &str) -> String {
    format!("docker.io/library/diem-{image}:{TAG}")
}

/// The block of the page about containers that has these words.
fn block_of(words: &str) -> String {
    let blocks = marked(&root().join("docs/src/operate/containers.md"), "text");
    blocks.into_iter().find(|block| block.contains(words)).unwrap_or_else(|| panic!("no block has `{words}`"))
}

/// The paths in which two builds of both images differ.
fn differences(builds: &[[BTreeMap<PathBuf, Entry>; 2]]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for (first, second) in builds[0].iter().zip(&builds[1]) {
        let paths = first.keys().chain(second.keys());
        found.extend(paths.filter(|path| first.get(*path) != second.get(*path)).cloned());
    }
    found
}

fn hadolint_finds_nothing(engine: &Engine) {
    let looked = engine.command("hadolint").arg("docker/Dockerfile").output().unwrap();
    let told = String::from_utf8_lossy(&looked.stdout);
    assert!(looked.status.success() && told.trim().is_empty(), "{told}");
}

fn the_image_is_small_and_bare(engine: &Engine) {
    for (image, programs) in [("node", &["cometbft", "diemd"][..]), ("signer", &["signer"])] {
        let content = engine.content(&name(image));
        let bytes: u64 = content.values().map(|entry| entry.bytes).sum();
        println!("diem-{image}: {bytes} bytes in {} files", content.len());
        assert!(bytes <= LARGEST, "diem-{image} has {bytes} bytes");
        let of_bin = content.keys().filter(|path| path.parent() == Some(Path::new("usr/local/bin")));
        let of_bin: Vec<&str> = of_bin.map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(of_bin, programs);
        for (path, entry) in &content {
            // Whatever can be executed is one of the programs, or a library that one of them loads.
            let is_file = entry.mode & 0o170_000 == 0o100_000;
            let is_program = path.starts_with("usr/local/bin");
            let is_library = path.to_str().unwrap().contains(".so");
            assert!(!is_file || entry.mode & 0o111 == 0 || is_program || is_library, "{} in {image}", path.display());
            assert_eq!(entry.mode & 0o6_000, 0, "{} has rights of its owner", path.display());
            let is_link = entry.mode & 0o170_000 == 0o120_000;
            assert!(is_link || entry.mode & 0o002 == 0, "anybody may write {}", path.display());
            assert_eq!(
                entry.owner,
                if path == Path::new("data") { (USER, USER) } else { (0, 0) },
                "{}",
                path.display()
            );
        }
        let config = engine.inspect("image", &name(image))["Config"].clone();
        assert_eq!(config["User"], "10001:10001");
        assert!(config["Volumes"].get("/data").is_some(), "{config}");
    }
    let health = engine.inspect("image", &name("node"))["Healthcheck"].clone();
    assert_eq!(health["Test"], serde_json::json!(["CMD", "diemd", "healthz"]), "{health}");
}

/// Looks at a container's process as the kernel has it: its user, its rights, and whether its root is read-only.
fn is_confined(engine: &Engine, container: &str) {
    let pid = engine.pid(container);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Uid:"), ["10001"; 4], "{container}");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{container} has rights: {set}");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (vec!["1".to_owned()], vec!["2".to_owned()]), "{container}");
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let mount_of = |place: &str| {
        let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        fields.rfind(|fields| fields[4] == place).unwrap_or_else(|| panic!("{place} is no mount"))[5].to_owned()
    };
    assert!(mount_of("/").split(',').any(|option| option == "ro"), "{container} can write to its root\n{mounts}");
    assert!(mount_of("/data").split(',').any(|option| option == "rw"), "{mounts}");
}

/// Waits until the chain's Prometheus has scraped all nodes and their CometBFTs, and has read the rules.
async fn prometheus_sees_all(validators: usize) {
    let http = reqwest::Client::new();
    let ask = async |path: &str| -> Option<Value> {
        let answer = http.get(format!("http://127.0.0.1:9090/api/v1/{path}")).send().await.ok()?;
        serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()
    };
    for job in ["diem", "cometbft"] {
        until(&format!("samples of all targets of {job}"), async || {
            let told = ask(&format!("query?query=sum(up%7Bjob%3D%22{job}%22%7D)")).await?;
            (told["data"]["result"][0]["value"][1] == validators.to_string().as_str()).then_some(())
        })
        .await;
    }
    let rules = ask("rules").await.unwrap();
    let groups = rules["data"]["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["file"] == "/etc/prometheus/rules/rules.yml"), "{rules}");
}

/// A node joins by the compose file for one node, gets well and unwell, comes back when it is killed, and hands its key to a signer.
async fn a_node_joins_and_is_healthy_or_not(engine: &Engine, folder: &Path, chain: &Client) {
    const CONTAINER: &str = "diem-node-node-1";
    // The ports of the first validator are taken, the chain is in a network of its own, and this engine counts no failed
    // health check before the time for a start is over.
    let more = "    ports: !override [\"127.0.0.1:2317:1317\"]\n    \
                healthcheck: { test: [CMD, diemd, healthz], timeout: 6s, retries: 3, start_period: 1s }\n";
    let otherwise = otherwise(&["node", "signer", "key"], ("node", more))
        + "networks:\n  peers: !override { name: diem-devnet_default, external: true }\n";
    let mut compose = Compose::new(engine, "compose.node.yml", &folder.join("node"), &otherwise);
    let status = chain.status().await.unwrap();
    compose.variables = vec![
        ("DIEM_URLS", "http://validator-1:1317 http://validator-2:1317".into()),
        ("DIEM_GENESIS_HASH", status.genesis_hash.to_string()),
        ("DIEM_MONIKER", "one".into()),
    ];
    let up = "docker compose -f docker/compose.node.yml up --detach --build";
    compose.line(up, &[]);
    let node = Client::new("http://127.0.0.1:2317").unwrap();
    let joined = height(chain).await.unwrap();
    reach(&node, joined + 1).await;
    is_confined(engine, CONTAINER);
    let is = async |wanted: &str| {
        until(wanted, async || (engine.health(CONTAINER) == wanted).then_some(())).await;
    };
    is("healthy").await;
    // What the book types into the running container. It may follow by now without being ready yet.
    let inside = block_of("diemd healthz --ready");
    for line in inside.lines().filter(|line| line.contains(" exec ")) {
        let args = compose.arguments(line);
        until(line, async || compose.output(&args).status.success().then_some(())).await;
    }
    let operator = person(0).address.to_string();
    let proof = block_of("validator prove");
    let line = proof.split(" > ").next().unwrap().replace("ADDRESS", &operator);
    assert!(compose.line(&line, &[]).contains(&operator), "the proof is for another operator");

    // A node that hangs becomes unhealthy, and healthy again when it goes on.
    let stopped = engine.pid(CONTAINER);
    engine.signal(CONTAINER, Signal::STOP);
    is("unhealthy").await;
    engine.signal(CONTAINER, Signal::CONT);
    is("healthy").await;
    // One that is killed comes back by itself, with all that it had.
    engine.signal(CONTAINER, Signal::KILL);
    let again = async || {
        let pid = engine.inspect("container", CONTAINER)["State"]["Pid"].as_u64().unwrap();
        (pid != 0 && pid != u64::from(stopped)).then_some(())
    };
    until("the start after the kill", again).await;
    let reached = height(chain).await.unwrap();
    reach(&node, reached + 1).await;

    a_key_moves_into_the_signer(engine, &mut compose, &node, &status.chain_id).await;
    // Stopped, it has ended in order.
    compose.line("docker compose -f docker/compose.node.yml stop node", &[]);
    assert_eq!(engine.inspect("container", CONTAINER)["State"]["ExitCode"], 0);
}

async fn a_key_moves_into_the_signer(engine: &Engine, compose: &mut Compose<'_>, node: &Client, chain: &str) {
    // Nobody can be asked for a passphrase here: it lies in a file on the node's volume, which the container of the key sees too.
    engine.put("diem-node_home", "passphrase", "a passphrase of the operator's own\n");
    for line in block_of("import-key").lines() {
        let more = match line {
            _ if line.contains("export-key") => &["--passphrase-file", "/data/passphrase"][..],
            _ if line.contains("import-key") => &["--passphrase-file", "/node/passphrase"],
            _ => &[],
        };
        compose.line(line, more);
    }
    assert!(compose.folder().join("validator.json").is_file(), "there is no backup of the key");
    compose.variables.extend([
        ("COMPOSE_PROFILES", "signer".into()),
        ("DIEM_SIGNER", "tcp://0.0.0.0:26659".into()),
        ("DIEM_CHAIN_ID", chain.to_owned()),
    ]);
    let start = block_of("logs signer");
    let mut lines = start.lines();
    compose.line(lines.next().unwrap(), &[]);
    let logs = lines.next().unwrap();
    until("the signer at its node", async || compose.line(logs, &[]).contains("connected to the node").then_some(()))
        .await;
    let reached = until("the node", async || height(node).await).await;
    reach(node, reached + 2).await;
}
