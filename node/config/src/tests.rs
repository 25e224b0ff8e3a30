#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use diem_engine::engine::BlockMode;

use super::*;

fn env(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.into(), value.into())]
}

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Two peers, as they are written in one text.
const PEERS: &str = "0123456789abcdef0123456789abcdef01234567@b:1, 89abcdef0123456789abcdef0123456789abcdef@d:2";

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let (_folder, path) = file("moniker = \"file\"\n[api]\nlisten = \"127.0.0.1:1\"\n");
    let load = |environment, flags: &[Override]| Config::load(&path, environment, flags).unwrap();
    let listen = |config: &Config| config.api.listen.port();
    assert_eq!(listen(&load(vec![], &[])), 1);
    assert_eq!(listen(&load(env("DIEM_API_LISTEN", "127.0.0.1:2"), &[])), 2);
    let flag = [Override::flag("api", "api.listen", "127.0.0.1:3")];
    assert_eq!(listen(&load(env("DIEM_API_LISTEN", "127.0.0.1:2"), &flag)), 3);
    assert_eq!(load(env("DIEM_API_LISTEN", "127.0.0.1:2"), &flag).moniker, "file");
}

#[test]
fn every_kind_of_value_can_be_given_as_text() {
    let given = [
        ("engine", "instant"),
        ("store.keep_blocks", "1000"),
        ("store.keep_time", "30d"),
        ("store.sync", "false"),
        ("comet.peers", PEERS),
        ("comet.block_time", "250ms"),
        ("metrics.listen", "off"),
        ("log.format", "json"),
        ("instant.blocks", "2s"),
    ];
    let flags: Vec<_> = given.iter().map(|(key, value)| Override::flag("set", key, value)).collect();
    let config = Config::default().with(&flags).unwrap();
    assert_eq!(config.engine, EngineKind::Instant);
    assert_eq!((config.store.keep_blocks, config.store.sync), (1000, false));
    assert_eq!(config.store.keep_time, KeepTime(Some(Length(30 * 86_400_000))));
    assert_eq!(config.comet.peers.join(", "), PEERS);
    assert_eq!(config.comet.block_time, Length(250));
    assert_eq!(config.metrics.listen, Optional(None));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.instant.blocks, Blocks(BlockMode::Every(Duration::from_secs(2))));
    let cleared = config.with(&[Override::flag("set", "comet.peers", "")]).unwrap();
    assert!(cleared.comet.peers.is_empty());
}

#[test]
fn a_typo_anywhere_is_an_error_with_the_key_that_was_meant() {
    let (_folder, path) = file("moniker = \"a\"\n\n[api]\nlisen = \"127.0.0.1:1\"\n");
    let error = Config::load(&path, vec![], &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("config.toml, line 4: unknown key `lisen`: the keys here are listen")
            || error.ends_with("config.toml, line 4: unknown key `lisen`: did you mean `listen`?"),
        "{error}"
    );
    let (_folder, path) = file("");
    let error = Config::load(&path, env("DIEM_API_LISTN", "x"), &[]).unwrap_err().to_string();
    assert_eq!(error, "DIEM_API_LISTN: no setting has this variable: did you mean DIEM_API_LISTEN?");
    let error = Config::default().with(&[Override::flag("set", "api.lisen", "x")]).unwrap_err().to_string();
    assert_eq!(error, "--set: unknown key `api.lisen`: did you mean `api.listen`?");
    assert!(Config::default().with(&[Override::flag("set", "api", "x")]).is_err());
}

#[test]
fn other_programs_and_commands_keep_their_variables() {
    let (_folder, path) = file("");
    for name in ["DIEM_HOME", "DIEM_NODE", "DIEM_BASE_RPC", "PATH", "DIEMETER"] {
        Config::load(&path, env(name, "x"), &[]).unwrap();
    }
}

#[test]
fn a_wrong_value_says_how_to_write_it() {
    let error = |key, value| Config::default().with(&[Override::flag("x", key, value)]).unwrap_err().to_string();
    assert!(error("engine", "cosmos").contains("expected"), "{}", error("engine", "cosmos"));
    assert!(error("comet.block_time", "fast").contains("`fast` is not a length of time"));
    assert!(error("instant.blocks", "0s").contains("on-demand, manual"));
    assert!(error("instant.blocks", "100000000000d").contains("too long for a block: at most 1d"));
    assert!(error("comet.block_time", "25h").contains("set it to at most 1d"));
    assert!(error("store.keep_time", "long").contains("write off, or a length of time such as 30d"));
    assert!(error("store.keep_time", "10ms").contains("set it to at least 1s, or off"));
    assert!(error("store.sync", "yes").contains("neither true nor false"));
    assert!(error("store.cache_mib", "lots").contains("not a whole number"));
    assert!(error("metrics.listen", "here").contains("or off"));
    assert_eq!(error("api.listen", "here"), "--x: `api.listen`: `here`: invalid socket address syntax");
    assert_eq!(error("store.cache_mib", "lots"), "--x: `store.cache_mib`: `lots` is not a whole number");
}

#[test]
fn a_size_out_of_its_bounds_is_told_with_its_place_and_the_bounds() {
    let (heights, cache) = ("set it to 1 to 10000 heights", "set it to 1 to 1048576 MiB");
    for (key, value, words) in [
        ("past_heights", "0", heights),
        ("past_heights", "10001", heights),
        ("cache_mib", "0", cache),
        ("cache_mib", "99999999999999999", cache),
    ] {
        let (_folder, path) = file(&format!("[store]\n{key} = {value}\n"));
        let error = Config::load(&path, vec![], &[]).unwrap_err().to_string();
        assert_eq!(error, format!("{}: `store.{key}` is {value}: {words}", path.display()));
        let error = Config::default().with(&[Override::flag("x", &format!("store.{key}"), value)]).unwrap_err();
        assert_eq!(error.to_string(), format!("--x: `store.{key}` is {value}: {words}"));
    }
    for (key, value) in [("past_heights", 1), ("past_heights", 10_000), ("cache_mib", 1), ("cache_mib", 1_048_576)] {
        Config::default().with(&[Override::flag("x", &format!("store.{key}"), value)]).unwrap();
    }
}

#[test]
fn a_disk_is_low_before_it_stops_the_node() {
    let load = |text: &str| {
        let (_folder, path) = file(text);
        Config::load(&path, vec![], &[]).map_err(|error| error.to_string())
    };
    for good in ["", "warn = \"2GiB\"", "warn = \"off\"", "stop = \"off\"", "warn = \"1%\"\nstop = \"50GiB\""] {
        load(&format!("[disk]\n{good}\n")).unwrap();
    }
    let error = load("[disk]\nwarn = \"512MiB\"\n").unwrap_err();
    assert!(error.contains("`disk.warn` is 512MiB and `disk.stop` is 1GiB: let the warning come first"), "{error}");
    let error = load("[disk]\nstop = \"1GB\"\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("write it as 1GiB or 512MiB, or off"), "{error}");
    // One after the other they may pass through what does not fit together.
    let flags = [Override::flag("set", "disk.warn", "24MiB"), Override::flag("set", "disk.stop", "8MiB")];
    let config = Config::default().with(&flags).unwrap();
    config.check_whole().unwrap();
    assert_eq!((config.disk.needed(), config.disk.low(1 << 40)), (16 << 20, 24 << 20));
    // A file of before sets the limit of readiness itself, and keeps it.
    assert_eq!(load("[ready]\ndisk_mib = 2048\n").unwrap().ready.disk_mib, 2_048);
}

#[test]
fn nothing_listens_beyond_this_machine_unless_told_and_ports_move_together() {
    let mut config = Config::default();
    let addresses = |config: &Config| {
        let mut all = vec![config.api.listen, config.comet.p2p, config.comet.rpc];
        all.extend([config.metrics.listen.0, config.comet.metrics.0].into_iter().flatten());
        all
    };
    assert!(addresses(&config).iter().all(|address| address.ip().is_loopback()));
    let before: Vec<u16> = addresses(&config).iter().map(SocketAddr::port).collect();
    assert_eq!(before, [1317, 26656, 26657, 9464, 26660]);
    config.move_ports(PORT_STEP).unwrap();
    let after: Vec<u16> = addresses(&config).iter().map(SocketAddr::port).collect();
    assert_eq!(after, [1417, 26756, 26757, 9564, 26760]);
    assert!(config.move_ports(u16::MAX).is_err());
}

#[test]
fn variables_that_kubernetes_puts_there_are_no_settings_and_those_of_people_are() {
    let (_folder, path) = file("");
    let of_kubernetes = [
        ("DIEM_SERVICE_HOST", "10.96.0.7"),
        ("DIEM_SERVICE_PORT", "1317"),
        ("DIEM_SERVICE_PORT_API", "1317"),
        ("DIEM_PORT", "tcp://10.96.0.7:1317"),
        ("DIEM_PORT_1317_TCP", "tcp://10.96.0.7:1317"),
        ("DIEM_PORT_1317_TCP_PROTO", "tcp"),
        ("DIEM_PORT_1317_TCP_PORT", "1317"),
        ("DIEM_PORT_1317_TCP_ADDR", "10.96.0.7"),
        ("DIEM_NODE_P2P_SERVICE_HOST", "10.96.0.8"),
        ("DIEM_NODE_P2P_PORT_26656_UDP_ADDR", "10.96.0.8"),
    ];
    for (name, value) in of_kubernetes {
        Config::load(&path, env(name, value), &[]).unwrap();
        assert_eq!(service_links(env(name, value)), [name]);
    }
    for (name, value) in [("DIEM_PORT", "1317"), ("DIEM_PORT_TCP", "1"), ("DIEM_SERVICE", "x"), ("DIEM_HOST", "h")] {
        let error = Config::load(&path, env(name, value), &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: no setting has this variable")), "{error}");
        assert!(service_links(env(name, value)).is_empty());
    }
    assert!(service_links(env("DIEM_API_LISTEN", "127.0.0.1:1")).is_empty());
}

#[test]
fn what_cometbft_would_end_with_is_refused_here() {
    let with = |key, value| Config::default().with(&[Override::flag("x", key, value)]);
    let error = |key, value| with(key, value).unwrap_err().to_string();
    for bad in
        ["node.example", "node.example:", ":26656", "tcp://node.example:26656", "a b:1", "h:65536", "::1:1", "h:0"]
    {
        let said = error("comet.external_address", bad);
        assert!(said.contains(&format!("`comet.external_address` is `{bad}`: write")), "{said}");
    }
    for good in ["", "node.example:26656", "203.0.113.7:1", "[2001:db8::1]:26656"] {
        with("comet.external_address", good).unwrap();
    }
    let said = error("comet.block_time", "100000000000d");
    assert!(said.contains("`comet.block_time` is 8640000000000000s: set it to at most 1d"), "{said}");
    with("comet.block_time", "1h").unwrap();
    for bad in ["", "loud", "main:loud", ":info", "main:info,"] {
        let said = error("comet.log_level", bad);
        assert!(said.contains(&format!("`comet.log_level` is `{bad}`: write debug")), "{said}");
    }
    for good in ["none", "main:info,*:error", "consensus:debug"] {
        with("comet.log_level", good).unwrap();
    }
}

#[test]
fn the_file_of_the_log_has_a_size_and_a_number() {
    let with = |key, value| Config::default().with(&[Override::flag("x", key, value)]);
    for (key, value, words) in [
        ("log.file_size", "64KB", "`64KB` is no size: write it as 1GiB or 512MiB, or off"),
        ("log.file_size", "-1MiB", "is no size"),
        ("log.file_size", "99999999999999999999GiB", "is no size"),
        ("log.file_size", "18446744073709551615GiB", "is no size"),
        ("log.file_size", "1KiB", "`log.file_size` is 1KiB: set it to 64KiB to 4GiB"),
        ("log.file_size", "5GiB", "`log.file_size` is 5GiB: set it to 64KiB to 4GiB"),
        ("log.files", "0", "`log.files` is 0: set it to 1 to 100 files"),
        ("log.file", "logs/", "`log.file` is \"logs/\": write the path of a file"),
    ] {
        let error = with(key, value).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // A log would be appended to what is no log, and shown by `doctor --bundle`.
    for own in
        ["bridge_key.json", "./bridge_key.2.json", "x/../config.toml", "data/node.log", "keys/alice.json", "run/x"]
    {
        let error = with("log.file", own).unwrap_err().to_string();
        assert!(error.contains(&format!("`log.file` is {own:?}, which is for keys or data")), "{error}");
    }
    for good in ["node.log", "logs/data", "logs/bridge.json", "database.log", "/var/log/diem/data"] {
        with("log.file", good).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let at = |path: &str| folder.path().join(path).display().to_string();
    let text = format!("config_version = {}\n", version::CURRENT);
    std::fs::write(&file, &text).unwrap();
    std::fs::write(at("bridge_key.json"), "").unwrap();
    std::os::unix::fs::symlink("bridge_key.json", at("link.log")).unwrap();
    std::os::unix::fs::symlink(".", at("again")).unwrap();
    let load = |value: &str| Config::load(&file, [("DIEM_LOG_FILE".into(), value.to_owned())], &[]);
    for own in [&*at("bridge_key.json"), &at("cometbft/x.log"), &at("again/relayer_key.json"), "link.log"] {
        let error = load(own).unwrap_err().to_string();
        assert!(error.contains("which is for keys or data"), "{own}: {error}");
        let changed = edit::change(&text, &file.display().to_string(), "log.file", own);
        assert!(changed.unwrap_err().to_string().contains("which is for keys or data"), "{own}");
    }
    for good in [&*at("node.log"), "node.log", "again/node.log"] {
        assert_eq!(load(good).unwrap().log.file, good);
    }
    for (text, bytes) in [("64KiB", 65_536), ("1536KiB", 1_572_864), ("2 MiB", 2 << 20), ("70000B", 70_000)] {
        assert_eq!(with("log.file_size", text).unwrap().log.file_size, Bytes(bytes));
    }
    for (bytes, text) in [(65_536, "64KiB"), (1_572_864, "1536KiB"), (4 << 30, "4GiB"), (70_000, "70000B")] {
        assert_eq!(Bytes(bytes).to_string(), text);
    }
}

#[test]
fn a_validator_listens_for_an_hour_at_most() {
    let with = |value| Config::default().with(&[Override::flag("x", "signing.listen_still", value)]);
    for good in ["1s", "1h"] {
        with(good).unwrap();
    }
    for bad in ["999ms", "61m", "999999d"] {
        let error = with(bad).unwrap_err().to_string();
        assert!(error.contains("`signing.listen_still` is ") && error.contains("set it to 1s to 1h"), "{error}");
    }
}

#[test]
fn a_relayer_knows_where_base_is_and_what_it_pays_at_most() {
    let with = |key, value| Config::default().with(&[Override::flag("x", key, value)]);
    for (key, value, words) in [
        ("bridge.base_rpc", "127.0.0.1:8545", "`bridge.base_rpc` is `127.0.0.1:8545`: write the URL"),
        ("bridge.base_rpc", "http://", "`bridge.base_rpc` is `http://`: write the URL"),
        ("bridge.max_gas_gwei", "0", "`bridge.max_gas_gwei` is 0: set it to 1 to 100000 gwei"),
        ("bridge.relay", "yes", "neither true nor false"),
        ("bridge.low_balance_gwei", "-1", "bridge.low_balance_gwei"),
        ("bridge.diem_per_eth", "0", "`0` is no price"),
        ("bridge.diem_per_eth", "-1", "`-1` is no price"),
        ("bridge.diem_per_eth", "10000000000", "at most 1000000000"),
    ] {
        let error = with(key, value).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    with("bridge.base_rpc", "https://base.example/key").unwrap();
    for (endpoints, words) in [
        ("[\"base\"]", "`bridge.endpoints` names `base`: write URLs"),
        ("[\"http://a\", \"http://a\"]", "`bridge.endpoints` names 2 endpoints: name one"),
        ("[\"http://a\", \"http://b\", \"http://c\", \"http://d\"]", "`bridge.endpoints` names 4 endpoints"),
    ] {
        let (_folder, path) = file(&format!("[bridge]\nendpoints = {endpoints}\n"));
        let error = Config::load(&path, vec![], &[]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let (_folder, path) = file("[bridge]\nendpoints = [\"https://a\", \"http://b\"]\nmin_age = \"0s\"\n");
    assert_eq!(Config::load(&path, vec![], &[]).unwrap().bridge.min_age.duration(), Duration::ZERO);
    let (_folder, path) = file("[bridge]\nrelay = true\n");
    let error = Config::load(&path, vec![], &[]).unwrap_err().to_string();
    assert!(error.contains("`bridge.relay` is true and `bridge.base_rpc` is empty"), "{error}");
    let config = Config::load(&path, env("DIEM_BRIDGE_BASE_RPC", "http://127.0.0.1:8545"), &[]).unwrap();
    assert!(config.bridge.relay);
}

#[test]
fn two_settings_of_one_port_name_each_other() {
    let load = |text: &str| {
        let (_folder, path) = file(text);
        Config::load(&path, vec![], &[])
    };
    for (text, words) in [
        ("[api]\nlisten = \"127.0.0.1:9464\"", "`api.listen` and `metrics.listen` both listen on port 9464"),
        ("[api]\nlisten = \"0.0.0.0:26657\"", "`api.listen` and `comet.rpc` both listen on port 26657"),
        ("[api]\nlisten = \"[::]:26657\"", "`api.listen` and `comet.rpc` both listen on port 26657"),
        ("[comet]\nrpc = \"127.0.0.1:26656\"", "`comet.p2p` and `comet.rpc` both listen on port 26656"),
    ] {
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    load("engine = \"instant\"\n[api]\nlisten = \"127.0.0.1:26657\"").unwrap();
    load("[api]\nlisten = \"127.0.0.2:26657\"").unwrap();
    load("[api]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"").unwrap();
    // Before the last layer is applied, two addresses may be equal.
    let (_folder, path) = file("");
    let swapped = [
        Override::flag("api", "api.listen", "127.0.0.1:9464"),
        Override::flag("metrics", "metrics.listen", "127.0.0.1:1317"),
    ];
    Config::load(&path, vec![], &swapped).unwrap();
}

#[test]
fn a_file_of_before_versions_is_read_as_migrated_and_each_change_is_named() {
    let old = include_str!("../../../tests/configs/v0.toml");
    let migrated = version::migrate(old, "config.toml").unwrap();
    assert!(migrated.is_old());
    assert_eq!(migrated.changes, ["`log.level`: the module diem_node::abci is called diem_comet::abci now"]);
    let config = Config::parse(old, "config.toml").unwrap();
    assert_eq!((config.log.level.as_str(), config.moniker.as_str()), ("info,diem_comet::abci=debug", "kept"));
    // What is written is the old file with the changes and nothing else, and is then of the current version.
    let written = migrated.written().unwrap();
    let again = version::migrate(&written, "config.toml").unwrap();
    assert_eq!((again.from, again.is_old(), again.changes.len()), (version::CURRENT, false, 0));
    assert_eq!(Config::parse(&written, "config.toml").unwrap(), config);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, written) = (lines(old), lines(&written));
    let new: Vec<_> = written.iter().filter(|line| !old.contains(line)).collect();
    assert_eq!(new, ["config_version = 1", "level = \"info,diem_comet::abci=debug\" # who asks for what"]);
    assert_eq!(written.len(), old.len() + 2);
}

#[test]
fn the_version_stands_above_the_settings_whatever_the_file_begins_with() {
    for (text, expected) in [
        ("moniker = \"a\"\n", "config_version = 1\nmoniker = \"a\"\n"),
        ("# mine\nmoniker = \"a\"\n", "config_version = 1\n# mine\nmoniker = \"a\"\n"),
        ("# the file\n\n# mine\nmoniker = \"a\"\n", "# the file\n\nconfig_version = 1\n\n# mine\nmoniker = \"a\"\n"),
        ("config_version = 0 # old\n[api]\n", "config_version = 1\n[api]\n"),
        ("", "config_version = 1\n"),
    ] {
        let written = version::migrate(text, "c").unwrap().written().unwrap();
        assert_eq!(written.replace(" # old", ""), expected);
        assert_eq!(version::migrate(&written, "c").unwrap().from, 1);
    }
}

#[test]
fn a_newer_file_is_refused_and_a_version_that_is_none_is_told() {
    let error = |text| Config::parse(text, "config.toml").unwrap_err().to_string();
    assert!(
        error("config_version = 2\n").contains("config.toml is of version 2, and this diemd knows versions up to 1")
    );
    for wrong in ["config_version = -1", "config_version = \"1\"", "config_version = 1.5"] {
        assert!(error(wrong).contains("`config_version` is a whole number"), "{wrong}");
    }
    // A fault keeps the number of its line.
    assert!(error("moniker = \"a\"\nlevel = 1\n").contains("line 2"), "{}", error("moniker = \"a\"\nlevel = 1\n"));
}

#[test]
fn each_setting_is_shown_with_the_place_that_it_comes_from() {
    let (_folder, path) =
        file("config_version = 1\n[api]\nlisten = \"127.0.0.1:1\"\n[comet.raw.p2p]\ndial_timeout = \"5s\"\n");
    let shown = edit::settings(&path, env("DIEM_LOG_LEVEL", "debug")).unwrap();
    let of = |key: &str| {
        let setting = shown.iter().find(|setting| setting.key == key).unwrap();
        (setting.text(), setting.source.to_string())
    };
    assert_eq!(of("api.listen"), ("127.0.0.1:1".into(), "config.toml".into()));
    assert_eq!(of("log.level"), ("debug".into(), "DIEM_LOG_LEVEL".into()));
    assert_eq!(of("store.sync"), ("true".into(), "default".into()));
    assert_eq!(of("comet.peers"), ("[]".into(), "default".into()));
    assert_eq!(of("comet.raw.p2p.dial_timeout"), ("5s".into(), "config.toml".into()));
    assert_eq!(shown.len(), Config::keys().len() + 1);
}

#[test]
fn a_setting_is_changed_and_everything_else_stays() {
    let text = document(&Config::default());
    for (key, value) in [
        ("api.listen", "0.0.0.0:1317"),
        ("moniker", "a \"b\" # c"),
        ("store.sync", "false"),
        ("comet.peers", PEERS),
        ("comet.raw.p2p.dial_timeout", "5s"),
        ("comet.raw.event_bus_buffer_capacity", "7"),
    ] {
        let changed = edit::change(&text, "config.toml", key, value).unwrap();
        let expected = Config::default().with(&[Override::flag("x", key, value)]).unwrap();
        assert_eq!(Config::parse(&changed, "config.toml").unwrap(), expected, "{key}");
        let old: Vec<&str> = text.lines().collect();
        let gone = old.iter().filter(|line| !changed.lines().any(|new| new == **line)).count();
        assert!(gone <= 1, "{key} changed more than its line: {changed}");
        assert_eq!(edit::change(&changed, "config.toml", key, value).unwrap(), changed, "{key} twice");
    }
    // A file that leaves all out gets the setting under its section, explained, and nothing else.
    let short = edit::change("config_version = 1\n", "config.toml", "store.keep_blocks", "7").unwrap();
    assert!(short.contains("[store]\n") && short.contains("(DIEM_STORE_KEEP_BLOCKS)\nkeep_blocks = 7\n"), "{short}");
    assert_eq!(Config::parse(&short, "config.toml").unwrap().store.keep_blocks, 7);
}

#[test]
fn a_change_that_does_not_fit_is_refused() {
    let text = document(&Config::default());
    for (text, key, value, words) in [
        (text.as_str(), "api.lisen", "x", "unknown key `api.lisen`: did you mean `api.listen`?"),
        (&text, "store.sync", "yes", "neither true nor false"),
        (&text, "store.past_heights", "0", "set it to 1 to 10000 heights"),
        (&text, "api.listen", "127.0.0.1:26657", "`api.listen` and `comet.rpc` both listen"),
        (&text, "comet", "x", "unknown key `comet`"),
        (&text, "comet.raw", "x", "unknown key `comet.raw`"),
        (&text, "comet.raw.p2p.laddr", "x", "use `comet.p2p` instead"),
        (&text, "config_version", "2", "unknown key `config_version`"),
        ("", "api.listen", "127.0.0.1:1", "run `diemd config migrate` first"),
        ("config_version = 1\napi = { listen = \"127.0.0.1:1\" }\n", "api.listen", "127.0.0.1:2", "as one value"),
    ] {
        let error = edit::change(text, "config.toml", key, value).unwrap_err().to_string();
        assert!(error.contains(words), "{key}: {error}");
    }
}

#[test]
fn a_site_is_written_as_browsers_name_it() {
    let with = |value| Config::default().with(&[Override::flag("x", "api.cors", value)]);
    for good in ["*", "https://app.example", "http://localhost:3000,https://app.example", "http://[::1]:3000"] {
        with(good).unwrap();
    }
    for bad in ["app.example", "https://", "https://app.example/", "ftp://app.example", "https://*.example"] {
        let error = with(bad).unwrap_err().to_string();
        assert!(error.contains(&format!("`api.cors` names `{bad}`: write sites as browsers do")), "{error}");
    }
}

#[test]
fn a_drain_ends_before_a_service_manager_kills() {
    let with = |value| Config::default().with(&[Override::flag("x", "api.drain", value)]);
    assert_eq!(Config::default().api.drain.0, 0);
    assert_eq!(with("40s").unwrap().api.drain.0, LONGEST_DRAIN);
    let error = with("41s").unwrap_err().to_string();
    assert!(error.contains("`api.drain` is 41s: set it to at most 40s"), "{error}");
}

#[test]
fn a_name_that_no_peer_takes_is_refused() {
    let with = |name: &str| Config::default().with(&[Override::flag("x", "moniker", name)]);
    with("A node of Alice's, no. 1 \"x\"").unwrap();
    with(&"y".repeat(9_216)).unwrap();
    for (name, expected) in [
        ("", "`moniker` is \"\": write ASCII letters"),
        ("  ", "not only spaces"),
        ("caf\u{e9}", "write ASCII letters"),
        ("a\u{1b}[31m", "write ASCII letters"),
        (&"y".repeat(9_217), "`moniker` has 9217 bytes"),
    ] {
        let error = with(name).unwrap_err().to_string();
        assert!(error.contains(expected), "{name:?}: {error}");
    }
}

#[test]
fn what_peers_are_told_is_checked() {
    let with = |key, value| Config::default().with(&[Override::flag("x", key, value)]);
    let id = "0123456789abcdef0123456789abcdef01234567";
    with("comet.private_peers", id).unwrap();
    let error = with("comet.unconditional_peers", "node-1").unwrap_err().to_string();
    assert!(error.contains("`comet.unconditional_peers` names `node-1`: write ids of nodes, 40 hex digits"), "{error}");
    for key in ["comet.peers", "comet.seeds"] {
        with(key, PEERS).unwrap();
        let error = with(key, "node-1").unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`: `node-1` is no peer: write it as id@host:port")), "{error}");
    }
    let seed = [Override::flag("x", "comet.pex", "false"), Override::flag("x", "comet.seed_mode", "true")];
    let error = Config::default().with(&seed).unwrap_err().to_string();
    assert!(error.contains("a seed node lives by exchanging addresses"), "{error}");
}
