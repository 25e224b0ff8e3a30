//! The plan holds for this workspace, and the check would notice if it did not.

use std::process::Command;

use diem_rooms_test::Graph;
use serde_json::{Value, json};

#[test]
fn arrows_of_this_workspace_point_down() {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo -vV names the host");
    let metadata = cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    let breaches = Graph::from_metadata(&metadata).expect("cargo's own output").breaches();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs: it has started this test");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes utf-8")
}

/// The breaches of a workspace as cargo would describe it: crates by folder, packages from elsewhere by plain name, and
/// arrows (from, to, kind of the dependency).
fn breaches(packages: &[&str], arrows: &[(&str, &str, Value)]) -> Vec<String> {
    let describe = |name: &&str| {
        let declared = arrows.iter().filter(|arrow| arrow.0 == *name);
        let declared: Vec<_> = declared.map(|(_, to, kind)| json!({"name": to, "kind": kind})).collect();
        let external = !name.contains('/') && !matches!(*name, "genesis" | "host");
        json!({
            "id": name,
            "name": name,
            "source": if external { json!("registry") } else { Value::Null },
            "manifest_path": format!("/house/{name}/Cargo.toml"),
            "dependencies": declared,
        })
    };
    // A feature that is off is in no graph: the kind says so here, and cargo leaves the arrow out.
    let node = |name: &&str| {
        let deps = arrows.iter().filter(|arrow| arrow.0 == *name && arrow.2 != json!("off"));
        let deps: Vec<_> = deps.map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]})).collect();
        json!({"id": name, "deps": deps})
    };
    let metadata = json!({
        "workspace_root": "/house",
        "packages": packages.iter().map(describe).collect::<Vec<_>>(),
        "resolve": {"nodes": packages.iter().map(node).collect::<Vec<_>>()},
    });
    Graph::from_metadata(&metadata.to_string()).expect("well formed").breaches()
}

const NORMAL: Value = Value::Null;

#[test]
fn a_house_that_follows_the_plan_passes() {
    let packages = [
        "runtime/core",
        "runtime/store",
        "modules/bank",
        "runtime/types",
        "runtime/app",
        "node/diemd",
        "client/sdk",
        "rocksdb",
        "tokio",
    ];
    let arrows = [
        ("runtime/store", "runtime/core", NORMAL),
        ("runtime/store", "rocksdb", NORMAL),
        ("modules/bank", "runtime/core", NORMAL),
        ("runtime/types", "modules/bank", NORMAL),
        ("runtime/app", "runtime/types", NORMAL),
        ("runtime/app", "runtime/store", NORMAL),
        ("client/sdk", "runtime/types", NORMAL),
        ("client/sdk", "tokio", NORMAL),
        ("node/diemd", "client/sdk", NORMAL),
        ("node/diemd", "runtime/app", NORMAL),
    ];
    assert_eq!(breaches(&packages, &arrows), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let found = breaches(&["runtime/core", "runtime/store"], &[("runtime/core", "runtime/store", NORMAL)]);
    assert_eq!(found, ["`runtime/core` may not depend on `runtime/store`"]);
    let found = breaches(&["client/sdk", "runtime/app"], &[("client/sdk", "runtime/app", NORMAL)]);
    assert_eq!(found, ["`client/sdk` may not depend on `runtime/app`"]);
    let found = breaches(&["node/diemd", "diem-testkit"], &[("node/diemd", "diem-testkit", NORMAL)]);
    assert_eq!(found, ["`node/diemd` may not reach `diem-testkit`: node/diemd -> diem-testkit"]);
}

#[test]
fn a_forbidden_package_is_found_at_any_depth() {
    let packages = ["modules/bank", "innocent", "helper", "tokio"];
    let arrows = [("modules/bank", "innocent", NORMAL), ("innocent", "helper", NORMAL), ("helper", "tokio", NORMAL)];
    let found = breaches(&packages, &arrows);
    assert_eq!(found, ["`modules/bank` may not reach `tokio`: modules/bank -> innocent -> helper -> tokio"]);
}

#[test]
fn a_package_is_used_directly_in_its_own_room_only() {
    for (package, home, elsewhere) in [
        ("tendermint-abci", "node/comet", "node/instant"),
        ("rocksdb", "runtime/store", "runtime/app"),
        ("alloy-consensus", "client/base", "client/cli"),
    ] {
        assert_eq!(breaches(&[home, package], &[(home, package, NORMAL)]), Vec::<String>::new());
        let found = breaches(&[elsewhere, package], &[(elsewhere, package, NORMAL)]);
        assert_eq!(found, [format!("`{elsewhere}` may not use `{package}`, which {home} alone does")]);
    }
    let found = breaches(&["client/cli", "reqwest"], &[("client/cli", "reqwest", NORMAL)]);
    assert_eq!(found, ["`client/cli` may not use `reqwest`, which client/sdk or client/base alone does"]);
}

#[test]
fn a_family_of_packages_is_forbidden_with_its_name() {
    for bad in ["libp2p-swarm", "tendermint-abci", "tendermint-proto", "rocksdb", "librocksdb-sys"] {
        assert!(!breaches(&["modules/bank", bad], &[("modules/bank", bad, NORMAL)]).is_empty(), "{bad}");
    }
    assert_eq!(breaches(&["modules/bank", "tokioish"], &[("modules/bank", "tokioish", NORMAL)]).len(), 0);
}

#[test]
fn the_client_knows_no_database_and_no_server() {
    for bad in ["rocksdb", "libp2p", "tendermint-abci", "axum"] {
        assert!(!breaches(&["client/sdk", bad], &[("client/sdk", bad, NORMAL)]).is_empty(), "{bad}");
    }
    assert_eq!(breaches(&["client/sdk", "tendermint"], &[("client/sdk", "tendermint", NORMAL)]).len(), 0);
}

#[test]
fn tests_may_reach_anywhere_where_the_plan_does_not_say_otherwise() {
    let packages = ["runtime/store", "runtime/testkit", "tokio"];
    let arrows = [("runtime/store", "runtime/testkit", json!("dev")), ("runtime/testkit", "tokio", NORMAL)];
    assert_eq!(breaches(&packages, &arrows), Vec::<String>::new());
    let dev = json!("dev");
    assert_eq!(breaches(&["node/diemd", "axum"], &[("node/diemd", "axum", dev.clone())]), Vec::<String>::new());
    for (room, package) in [("node/instant", "tendermint-abci"), ("client/cli", "axum"), ("modules/bank", "tokio")] {
        assert_eq!(breaches(&[room, package], &[(room, package, dev.clone())]).len(), 1, "{room} and {package}");
    }
}

#[test]
fn what_a_build_script_or_a_feature_that_is_off_would_use_is_found_too() {
    for kind in [json!("build"), json!("off")] {
        for (room, package) in [("modules/bank", "rocksdb"), ("node/instant", "axum"), ("runtime/app", "tokio")] {
            assert!(!breaches(&[room, package], &[(room, package, kind.clone())]).is_empty(), "{room} and {package}");
        }
    }
}

#[test]
fn a_module_whose_tests_reach_a_database_is_found() {
    let packages = ["modules/bank", "runtime/testkit", "runtime/store", "rocksdb"];
    let dev = json!("dev");
    let arrows = [
        ("modules/bank", "runtime/testkit", dev),
        ("runtime/testkit", "runtime/store", NORMAL),
        ("runtime/store", "rocksdb", NORMAL),
    ];
    let path = "modules/bank -> runtime/testkit -> runtime/store -> rocksdb";
    assert_eq!(breaches(&packages, &arrows), [format!("in its tests: `modules/bank` may not reach `rocksdb`: {path}")]);
}

#[test]
fn a_crate_without_a_room_is_found() {
    assert_eq!(breaches(&["attic/box"], &[]).len(), 1);
}
