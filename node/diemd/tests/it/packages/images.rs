//! The image and the compose files: what they promise is read, and their commands make a chain and a node that joins it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use diem_client::Client;
use diem_config::Config;
use rustix::process::Signal;
use saphyr::{LoadableYamlNode as _, Yaml};

use crate::{
    docs::{marked, root},
    support::{
        client::{reach, until},
        image::{docker, instructions, signer_program},
        process::{Ended, diemd, run, signal, wait, words},
    },
};

/// The user of every container of ours.
const USER: &str = "10001:10001";

/// Whether a variable of a container is one that the program knows.
fn is_known(variable: &str) -> bool {
    variable == "DIEM_HOME" || Config::keys().iter().any(|key| diem_config::variable(key) == variable)
}

#[test]
fn the_image_names_its_versions_and_needs_neither_root_nor_a_shell() {
    let instructions = instructions();
    let argument = |name: &str| {
        let prefix = format!("ARG {name}=");
        instructions.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    };
    let pinned = fs::read_to_string(docker().join("../rust-toolchain.toml")).unwrap();
    assert!(pinned.contains(&format!("channel = \"{}\"", argument("RUST"))), "{pinned}");
    assert_eq!(argument("COMETBFT"), diem_comet::find::VERSION);
    for line in instructions.iter().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = line.split_whitespace().next().unwrap();
        let has_version = image.rsplit('/').next().unwrap().contains(':') && !image.ends_with(":latest");
        assert!(image == "scratch" || has_version, "{line}");
    }
    // The last stage is the image. It begins with nothing, so no shell is in it, and runs nothing while it is built.
    let last = instructions.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    let image = &instructions[last..];
    assert_eq!(image[0], "FROM scratch AS node");
    assert!(!image.iter().any(|line| line.starts_with("RUN ")));
    for wanted in [
        &format!("USER {USER}"),
        "VOLUME [\"/data\"]",
        "ENTRYPOINT [\"diemd\"]",
        "CMD [\"start\"]",
        "EXPOSE 26656",
        "STOPSIGNAL SIGTERM",
    ] {
        assert!(image.iter().any(|line| line == wanted), "{wanted}\n{image:?}");
    }
    let health = image.iter().find(|line| line.starts_with("HEALTHCHECK ")).unwrap();
    assert!(health.ends_with("CMD [\"diemd\", \"healthz\"]"), "{health}");
    let variables = image.iter().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    assert!(variables.contains("DIEM_API_DRAIN=10s"), "{variables}");
    let names = variables.split_whitespace().map(|pair| pair.split_once('=').unwrap().0);
    for name in names.filter(|name| name.starts_with("DIEM_")) {
        assert!(is_known(name), "{name}");
    }
}

/// What is left out of a build is left out before anything is let in, and nothing that a build reads is forgotten.
#[test]
fn the_image_is_built_from_the_sources_alone() {
    let text = fs::read_to_string(docker().join("../.dockerignore")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*");
    let let_in = |path: &str| lines.iter().any(|line| line.strip_prefix('!') == Some(path));
    let manifest = fs::read_to_string(docker().join("../Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let room = member.as_str().unwrap().split('/').next().unwrap();
        assert!(let_in(room), "the room {room} is not in the image's build");
    }
    for path in ["Cargo.lock", "scripts/rocksdb.sh", "contracts/artifacts", "contracts/package-lock.json"] {
        assert!(let_in(path), "{path}");
    }
    for name in lines.iter().filter_map(|line| line.strip_prefix('!')) {
        assert!(docker().join("..").join(name).exists(), "{name} is not there");
    }
}

/// A service of a compose file.
type Service = BTreeMap<String, Yaml<'static>>;

/// The fields of a mapping, with those that `<<` brings.
fn fields(of: &Yaml<'static>) -> Service {
    let mut found = Service::new();
    for (key, value) in of.as_mapping().unwrap() {
        match key.as_str().unwrap() {
            "<<" => fields(value).into_iter().for_each(|(key, value)| {
                found.entry(key).or_insert(value);
            }),
            key => drop(found.insert(key.into(), value.clone())),
        }
    }
    found
}

/// A compose file: its services, and the names of its top-level mappings.
struct Compose {
    services: BTreeMap<String, Service>,
    whole: Service,
}

impl Compose {
    fn read(name: &str) -> Self {
        let text: &'static str = fs::read_to_string(docker().join(name)).unwrap().leak();
        let documents = Yaml::load_from_str(text).unwrap();
        let [document] = &documents[..] else { panic!("{} documents", documents.len()) };
        let whole = fields(document);
        let services = fields(&whole["services"]).into_iter().map(|(name, service)| (name, fields(&service)));
        Self { services: services.collect(), whole }
    }

    fn names(&self, section: &str) -> Vec<String> {
        self.whole.get(section).map(|section| fields(section).into_keys().collect()).unwrap_or_default()
    }
}

/// The texts of a list.
fn list(service: &Service, key: &str) -> Vec<String> {
    let Some(list) = service.get(key) else { return Vec::new() };
    list.as_vec().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn text<'a>(service: &'a Service, key: &str) -> &'a str {
    service.get(key).unwrap_or_else(|| panic!("there is no {key}")).as_str().unwrap()
}

#[test]
fn containers_are_confined_and_only_the_port_for_peers_leaves_this_machine() {
    let mut seen = 0;
    for file in ["compose.devnet.yml", "compose.node.yml"] {
        let compose = Compose::read(file);
        let (volumes, configs) = (compose.names("volumes"), compose.names("configs"));
        for (name, service) in &compose.services {
            seen += 1;
            let about = format!("{file}: {name}");
            let version =
                text(service, "image").rsplit('/').next().unwrap().split_once(':').map(|(_, version)| version);
            assert!(version.is_some_and(|version| version != "latest"), "{about} names no version");
            assert_eq!(service["read_only"].as_bool(), Some(true), "{about}");
            assert_eq!(list(service, "cap_drop"), ["ALL"], "{about}");
            assert_eq!(list(service, "security_opt"), ["no-new-privileges:true"], "{about}");
            let is_ours = text(service, "image").starts_with("diem-");
            assert!(!text(service, "user").starts_with('0'), "{about}");
            assert!(!is_ours || text(service, "user") == USER, "{about}");
            for forbidden in ["privileged", "network_mode", "pid", "devices", "cap_add", "env_file", "ipc"] {
                assert!(!service.contains_key(forbidden), "{about} has {forbidden}");
            }
            for port in list(service, "ports") {
                let is_for_peers = port == "26656:26656" && file == "compose.node.yml" && name == "node";
                assert!(port.starts_with("127.0.0.1:") || is_for_peers, "{about} publishes {port}");
            }
            for volume in list(service, "volumes") {
                let source = volume.split(':').next().unwrap().to_owned();
                assert!(volumes.contains(&source), "{about} mounts {volume}, which is no named volume");
            }
            for config in service.get("configs").and_then(Yaml::as_vec).into_iter().flatten() {
                let source = text(&fields(config), "source").to_owned();
                assert!(configs.contains(&source), "{about} has no config {source}");
            }
            let limits = fields(&fields(&fields(&service["deploy"])["resources"])["limits"]);
            for limit in ["cpus", "memory", "pids"] {
                assert!(limits.contains_key(limit), "{about} has no limit of {limit}");
            }
            let variables = service.get("environment").map(fields).unwrap_or_default();
            for variable in variables.keys().filter(|variable| variable.starts_with("DIEM_")) {
                assert!(is_known(variable), "{about}: {variable}");
            }
        }
        // Compose mounts files alone into a container whose root is read-only, and refuses a config of any other kind.
        for (name, config) in compose.whole.get("configs").map(fields).unwrap_or_default() {
            let path = docker().join(text(&fields(&config), "file"));
            assert!(path.is_file(), "{file}: the config {name} is {}, which is not there", path.display());
        }
    }
    assert!(seen >= 10, "only {seen} services were found");
    // The signer reaches the node and nobody else.
    let node = Compose::read("compose.node.yml");
    for service in ["key", "signer"] {
        assert_eq!(list(&node.services[service], "networks"), ["signer"]);
        assert_eq!(list(&node.services[service], "profiles"), [service], "nobody gets it unasked");
    }
    assert!(!node.services["node"].contains_key("profiles"));
}

#[test]
fn every_validator_of_the_devnet_is_watched() {
    let compose = Compose::read("compose.devnet.yml");
    let prometheus = fs::read_to_string(docker().join("prometheus.devnet.yml")).unwrap();
    assert_eq!(placed(&compose, "prometheus")["prometheus.devnet.yml"], "/etc/prometheus/prometheus.yml");
    let validators = compose.services.keys().filter(|name| name.starts_with("validator-"));
    for validator in validators.clone() {
        assert!(prometheus.contains(&format!("{validator}:9464")), "{validator} is not scraped\n{prometheus}");
    }
    let homes = list(&compose.services["homes"], "command");
    let hosts = homes.last().unwrap();
    assert_eq!(hosts.split(',').collect::<Vec<_>>(), validators.collect::<Vec<_>>());
}

/// The files of the configs that a service of the devnet has, each with its place in the container.
fn placed(compose: &Compose, service: &str) -> BTreeMap<String, String> {
    let configs = fields(&compose.whole["configs"]);
    let of_service = compose.services[service]["configs"].as_vec().unwrap().iter().map(fields);
    let pairs = of_service.map(|config| {
        let file = text(&fields(&configs[text(&config, "source")]), "file").to_owned();
        (file, text(&config, "target").to_owned())
    });
    pairs.collect()
}

#[test]
fn all_rules_and_the_dashboard_are_in_the_devnet() {
    let compose = Compose::read("compose.devnet.yml");
    let prometheus = placed(&compose, "prometheus");
    for file in fs::read_dir(docker().join("prometheus")).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        let is_placed = prometheus.get(&format!("prometheus/{name}")) == Some(&format!("/etc/prometheus/rules/{name}"));
        assert!(!name.starts_with("rules") || is_placed, "{name} is not in the devnet");
    }
    let grafana = placed(&compose, "grafana");
    let provider = fs::read_to_string(docker().join("grafana/provisioning/dashboards/diem.yml")).unwrap();
    let folder = grafana["grafana/dashboards/diem.json"].trim_end_matches("/diem.json");
    assert!(provider.contains(&format!("path: {folder}\n")), "dashboards are looked for elsewhere\n{provider}");
    for file in ["datasources/prometheus.yml", "dashboards/diem.yml"] {
        assert_eq!(grafana[&format!("grafana/provisioning/{file}")], format!("/etc/grafana/provisioning/{file}"));
    }
    // The data source takes its address from the environment.
    let source = fs::read_to_string(docker().join("grafana/provisioning/datasources/prometheus.yml")).unwrap();
    let variables = fields(&compose.services["grafana"]["environment"]);
    assert!(source.contains("${PROMETHEUS_URL}") && variables.contains_key("PROMETHEUS_URL"), "{source}");
}

/// A container in this test: a process whose addresses are its own.
struct Container {
    child: Ended,
    address: String,
    home: PathBuf,
}

impl Container {
    /// Starts a command with the environment of a container that has this address.
    fn start(command: &[String], home: &Path, address: &str) -> Self {
        let child = spawn(command, home, address);
        Self { child: Ended(child), address: address.into(), home: home.into() }
    }

    fn client(&self) -> Client {
        Client::new(&format!("http://{}:1317", self.address)).unwrap()
    }

    /// Whether the health check of the image finds it well.
    fn is_healthy(&self) -> bool {
        let mut check = diemd();
        check.arg("healthz").env("DIEM_HOME", &self.home);
        check.env("DIEM_API_LISTEN", format!("{}:1317", self.address)).output().unwrap().status.success()
    }

    fn stop(mut self) {
        signal(self.child.0.id(), Signal::TERM);
        let log = || fs::read_to_string(self.home.with_extension("log")).unwrap();
        assert!(wait(&mut self.child.0).success(), "{}", log());
    }
}

fn spawn(command: &[String], home: &Path, address: &str) -> Child {
    let log = fs::File::options().create(true).append(true).open(home.with_extension("log")).unwrap();
    let mut process = contained(command, home, address);
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// The program with the environment of a container that has this address and this home.
fn contained(command: &[String], home: &Path, address: &str) -> Command {
    let mut process = diemd();
    process.args(command).env("DIEM_HOME", home);
    for (setting, port) in [
        ("api.listen", 1_317),
        ("metrics.listen", 9_464),
        ("comet.p2p", 26_656),
        ("comet.rpc", 26_657),
        ("comet.metrics", 26_660),
    ] {
        process.env(diem_config::variable(setting), format!("{address}:{port}"));
    }
    // Unlike that of a container, this address is one of the loopback.
    process.env("DIEM_API_HOSTS", address);
    process
}

/// The addresses of the containers of a test. They have the usual ports and addresses of their own; on loopback, all of
/// 127.0.0.0/8 is of this machine.
fn address(network: u8, host: u8) -> String {
    let process = std::process::id().to_be_bytes();
    format!("127.{}.{}.{host}", process[2].max(1).wrapping_add(network), process[3])
}

/// Takes the command of a service, with these values for its variables.
fn command(compose: &Compose, service: &str, values: &[(&str, &str)]) -> Vec<String> {
    let Some(line) = compose.services[service]["command"].as_str() else {
        return list(&compose.services[service], "command");
    };
    // `${NAME:?..}` and `${NAME:+..}` are the only forms there.
    let (mut rest, mut done) = (line, String::new());
    while let Some((before, after)) = rest.split_once("${") {
        let end =
            if after.starts_with("DIEM_TRUST:+") { after.find("}}").unwrap() + 1 } else { after.find('}').unwrap() };
        let name = after.split(':').next().unwrap();
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        done += before;
        done += value;
        rest = &after[end + 1..];
    }
    (done + rest).split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_compose_files_make_a_chain_and_a_node_that_joins_it() {
    let address = |host: u8| address(0, host);
    let folder = tempfile::tempdir().unwrap();
    let devnet = Compose::read("compose.devnet.yml");
    let mut homes = command(&devnet, "homes", &[]);
    let dir = folder.path().join("homes");
    let hosts: Vec<String> = (1..=4).map(address).collect();
    for argument in &mut homes {
        match argument.as_str() {
            "/data" => *argument = dir.to_str().unwrap().into(),
            names if names.starts_with("validator-1,") => *argument = hosts.join(","),
            _ => {}
        }
    }
    let homes: Vec<&str> = homes.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let made = run(&homes);
        assert!(made.status.success(), "{}", words(&made));
    }
    let start = ["start".to_owned()];
    let validators: Vec<Container> = (1..)
        .zip(&hosts)
        .map(|(number, host)| Container::start(&start, &dir.join(format!("node{number}")), host))
        .collect();
    let client = validators[0].client();
    reach(&client, 3).await;
    until("the health of all", async || validators.iter().all(Container::is_healthy).then_some(())).await;

    // A node joins, is stopped, and goes on by the same command.
    let hash = hex::encode(client.genesis().await.unwrap().hash());
    let urls = format!("http://{}:1317 http://{}:1317", hosts[0], hosts[1]);
    let values = [("DIEM_GENESIS_HASH", hash.as_str()), ("DIEM_URLS", &urls)];
    let join = command(&Compose::read("compose.node.yml"), "node", &values);
    assert!(join.starts_with(&["join".to_owned(), "--once".into()]), "{join:?}");
    let home = folder.path().join("joined");
    let wrong =
        command(&Compose::read("compose.node.yml"), "node", &[("DIEM_GENESIS_HASH", &"ab".repeat(32)), values[1]]);
    assert!(!wait(&mut spawn(&wrong, &home, &address(5))).success(), "another genesis is refused");
    let node = Container::start(&join, &home, &address(5));
    let reached = reach(&node.client(), 1).await;
    until("the health of the new node", async || node.is_healthy().then_some(())).await;
    node.stop();
    let node = Container::start(&join, &home, &address(5));
    reach(&node.client(), reached + 1).await;
    // A container that is killed comes back by the same command.
    drop(node);
    let node = Container::start(&join, &home, &address(5));
    until("health after a kill", async || node.is_healthy().then_some(())).await;
    reach(&node.client(), reached + 2).await;
    node.stop();
    for validator in validators {
        validator.stop();
    }
}

/// Puts the folders of a service's volumes into an argument that ends in a path, in place of where its container has them.
fn mounted(compose: &Compose, service: &str, volumes: &Path, argument: &str) -> String {
    let mounts = list(&compose.services[service], "volumes");
    let found = mounts.iter().find_map(|mount| {
        let (volume, place) = mount.trim_end_matches(":ro").split_once(':').unwrap();
        let (before, path) = argument.split_once(place)?;
        (path.is_empty() || path.starts_with('/')).then(|| format!("{before}{}{path}", volumes.join(volume).display()))
    });
    found.unwrap_or_else(|| argument.to_owned())
}

/// Runs a command in a container of a service that ends with it; whoever is asked for a passphrase has it in a file.
fn run_in(compose: &Compose, service: &str, volumes: &Path, arguments: &[&str], address: &str) -> Output {
    let mut arguments: Vec<String> =
        arguments.iter().map(|argument| mounted(compose, service, volumes, argument)).collect();
    if arguments.iter().any(|argument| argument.ends_with("port-key")) {
        let passphrase = volumes.join("passphrase");
        fs::write(&passphrase, "a passphrase of the operator's own\n").unwrap();
        arguments.extend(["--passphrase-file".into(), passphrase.to_str().unwrap().into()]);
    }
    let home = mounted(compose, service, volumes, "/data");
    contained(&arguments, Path::new(&home), address).stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_book_bring_a_key_into_the_signer_which_says_when_it_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = signer_program(&folder.path().join("program")) else { return };
    let compose = Compose::read("compose.node.yml");
    let volumes = folder.path();
    let (of_node, of_key) = (address(1, 1), address(1, 2));
    let meets = format!("{of_node}:26659");
    fs::create_dir(volumes.join("signer")).unwrap();
    let home = volumes.join("home");
    let made = run(&["init", "--preset", "dev", "--home", home.to_str().unwrap()]);
    assert!(made.status.success(), "{}", words(&made));
    let node = Container::start(&["start".to_owned()], &home, &of_node);
    let signed = reach(&node.client(), 3).await;

    // Without its key the signer ends, and says what to do.
    let signs = || {
        let arguments = list(&compose.services["signer"], "command").into_iter().map(|argument| {
            let argument = argument.replace("node:26659", &meets).replace("${DIEM_CHAIN_ID:-}", "diem-dev-1");
            mounted(&compose, "signer", volumes, &argument)
        });
        let mut signer = Command::new(&program);
        signer.args(arguments).stdin(Stdio::null());
        signer
    };
    let missing = signs().output().unwrap();
    let told = words(&missing);
    assert!(missing.status.code() == Some(1) && told.contains("there is no ") && told.contains("import-key"), "{told}");

    // The commands of the page, on folders in place of volumes.
    let blocks = marked(&root().join("docs/src/operate/containers.md"), "text");
    let block = blocks.iter().find(|block| block.contains("import-key")).unwrap();
    let mut node = Some(node);
    for line in block.lines() {
        let parts: Vec<&str> =
            line.strip_prefix("docker compose -f docker/compose.node.yml ").unwrap().split(' ').collect();
        match parts[..] {
            ["stop", "node"] => node.take().unwrap().stop(),
            ["run", "--rm", service, ..] => {
                let ran = run_in(&compose, service, volumes, &parts[3..], &of_key);
                assert!(ran.status.success(), "{line}\n{}{}", String::from_utf8_lossy(&ran.stdout), words(&ran));
            }
            ["cp", from, _] => {
                let file = mounted(&compose, "node", volumes, from.strip_prefix("node:").unwrap());
                assert!(Path::new(&file).is_file(), "{line}: there is no {file}");
            }
            _ => panic!("this test does not know `{line}`"),
        }
    }
    assert!(!home.join("cometbft/config/priv_validator_key.json").exists(), "the key has left the node's home");

    // The signer looks for its node for longer than CometBFT's own program would. The only validator of this chain then makes
    // blocks again, and its key is nowhere else.
    let log = fs::File::create(volumes.join("signer.log")).unwrap();
    let _signer = Ended(signs().stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    let said = || fs::read_to_string(volumes.join("signer.log")).unwrap();
    until("the signer's search", async || said().contains("looking for the node").then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(!said().contains("connected to the node"), "{}", said());
    let node = Container::start(&["start".to_owned(), format!("--set=comet.signer=tcp://{meets}")], &home, &of_node);
    let stood = reach(&node.client(), signed + 2).await;
    node.stop();
    // It finds the node again after a while without one.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let node = Container::start(&["start".to_owned(), format!("--set=comet.signer=tcp://{meets}")], &home, &of_node);
    reach(&node.client(), stood + 2).await;
    node.stop();
    assert!(said().matches("connected to the node").count() >= 2, "{}", said());
}
