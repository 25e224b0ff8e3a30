//! The plan of the house as a check: which crate of the workspace may depend on which, and what may not be found
//! anywhere below it. The arrows are normal dependencies, because tests may use crates above their own; the packages
//! that the tests of a room may not reach have a list of their own. What a manifest declares counts even where no feature
//! turns it on.

pub mod floats;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A room of the house: the crates in one folder of the workspace, and the rules for them.
struct Room {
    /// The folder of the crate; one that ends in `/` stands for every crate below it.
    folder: &'static str,
    /// The folders of the workspace that its crates may depend on directly; [`ANY`] lifts the rule.
    may_use: &'static [&'static str],
    /// The packages that may not be found below it at any depth: a name matches itself, and names that go on with a
    /// dash.
    may_not_reach: &'static [&'static str],
    /// The packages that its tests may not reach, with all that they use.
    tests_may_not_reach: &'static [&'static str],
}

const ANY: &[&str] = &["*"];
const OUTSIDE_WORLD: &[&str] =
    &["tokio", "mio", "hyper", "reqwest", "rocksdb", "librocksdb-sys", "libp2p", "tendermint"];
const ENGINE_ROOM: &[&str] = &["tokio", "libp2p", "tendermint-abci"];
const DATABASE: &[&str] = &["rocksdb", "librocksdb-sys"];
/// Whoever shares types with clients and servers does no I/O.
const NO_IO: &[&str] = &["tokio", "mio", "hyper", "reqwest", "rocksdb", "librocksdb-sys", "libp2p", "tendermint-abci"];
/// What no client links.
const CLIENT_SIDE: &[&str] = &["rocksdb", "librocksdb-sys", "libp2p", "tendermint-abci", "axum"];
/// What no part of a node below its HTTP room knows.
const HTTP: &[&str] = &["reqwest", "axum", "libp2p"];
const SERVER_SIDE: &[&str] = &["rocksdb", "librocksdb-sys", "libp2p", "tendermint-abci"];

/// Every room, the lowest first. A crate that stands in none of them is an error: whoever adds it decides here what it
/// may depend on.
const ROOMS: &[Room] = &[
    Room { folder: "runtime/macros", may_use: &[], may_not_reach: OUTSIDE_WORLD, tests_may_not_reach: DATABASE },
    Room {
        folder: "runtime/core",
        may_use: &["runtime/macros"],
        may_not_reach: OUTSIDE_WORLD,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "runtime/overlay",
        may_use: &["runtime/core"],
        may_not_reach: OUTSIDE_WORLD,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "runtime/store",
        may_use: &["runtime/core", "runtime/overlay"],
        may_not_reach: ENGINE_ROOM,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "modules/",
        may_use: &["runtime/core", "modules/"],
        may_not_reach: OUTSIDE_WORLD,
        tests_may_not_reach: OUTSIDE_WORLD,
    },
    Room {
        folder: "runtime/types",
        may_use: &["runtime/core", "modules/"],
        may_not_reach: OUTSIDE_WORLD,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "runtime/index",
        may_use: &["runtime/core", "runtime/store", "modules/", "runtime/types"],
        may_not_reach: ENGINE_ROOM,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "runtime/app",
        may_use: &["runtime/core", "runtime/overlay", "runtime/store", "modules/", "runtime/types", "runtime/index"],
        may_not_reach: ENGINE_ROOM,
        tests_may_not_reach: &[],
    },
    Room { folder: "host", may_use: &[], may_not_reach: SERVER_SIDE, tests_may_not_reach: DATABASE },
    Room {
        folder: "genesis",
        may_use: &["runtime/core", "modules/", "runtime/types"],
        may_not_reach: SERVER_SIDE,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "client/api",
        may_use: &["runtime/core", "modules/", "runtime/types"],
        may_not_reach: NO_IO,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "client/sdk",
        may_use: &["runtime/core", "modules/", "runtime/types", "client/api"],
        may_not_reach: CLIENT_SIDE,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "client/base",
        may_use: &["runtime/core", "modules/bridge"],
        may_not_reach: CLIENT_SIDE,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "client/wallet",
        may_use: &["runtime/core", "host"],
        may_not_reach: CLIENT_SIDE,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "node/engine",
        may_use: &["runtime/core", "runtime/types", "runtime/app", "genesis", "host"],
        may_not_reach: HTTP,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "node/config",
        may_use: &["runtime/core", "runtime/types", "runtime/app", "genesis", "host", "node/engine"],
        may_not_reach: HTTP,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "node/comet",
        may_use: &[
            "runtime/core",
            "modules/staking",
            "runtime/types",
            "runtime/index",
            "runtime/app",
            "host",
            "node/engine",
            "node/config",
        ],
        may_not_reach: HTTP,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "node/instant",
        may_use: &[
            "runtime/core",
            "runtime/store",
            "modules/staking",
            "modules/bridge",
            "runtime/types",
            "runtime/index",
            "runtime/app",
            "host",
            "node/engine",
        ],
        may_not_reach: HTTP,
        tests_may_not_reach: &[],
    },
    Room { folder: "node/anvil", may_use: &["host"], may_not_reach: SERVER_SIDE, tests_may_not_reach: DATABASE },
    Room {
        folder: "node/http",
        may_use: &[
            "runtime/core",
            "runtime/store",
            "modules/",
            "runtime/types",
            "runtime/index",
            "runtime/app",
            "genesis",
            "client/api",
            "host",
            "node/engine",
        ],
        may_not_reach: &["reqwest", "tendermint-abci", "libp2p"],
        tests_may_not_reach: &[],
    },
    Room {
        folder: "client/cli",
        may_use: &[
            "runtime/core",
            "modules/",
            "runtime/types",
            "genesis",
            "host",
            "client/api",
            "client/sdk",
            "client/base",
            "client/wallet",
        ],
        may_not_reach: CLIENT_SIDE,
        tests_may_not_reach: &[],
    },
    Room {
        folder: "client/bridge",
        may_use: &[
            "runtime/core",
            "modules/bank",
            "modules/bridge",
            "runtime/types",
            "client/api",
            "client/sdk",
            "client/base",
            "client/wallet",
            "client/cli",
        ],
        may_not_reach: CLIENT_SIDE,
        tests_may_not_reach: DATABASE,
    },
    Room {
        folder: "node/bridge",
        may_use: &[
            "runtime/core",
            "runtime/store",
            "modules/staking",
            "modules/bridge",
            "runtime/app",
            "host",
            "node/engine",
            "node/config",
            "client/base",
        ],
        may_not_reach: &["axum", "tendermint-abci", "libp2p"],
        tests_may_not_reach: &[],
    },
    Room {
        folder: "node/diemd",
        may_use: &["runtime/", "modules/", "genesis", "host", "client/", "node/"],
        may_not_reach: &["diem-testkit"],
        tests_may_not_reach: &[],
    },
    Room { folder: "runtime/store-oracle", may_use: ANY, may_not_reach: &[], tests_may_not_reach: &[] },
    Room { folder: "runtime/testkit", may_use: ANY, may_not_reach: &[], tests_may_not_reach: &[] },
    Room { folder: "benches", may_use: ANY, may_not_reach: &[], tests_may_not_reach: &[] },
    Room { folder: "fuzz", may_use: ANY, may_not_reach: &[], tests_may_not_reach: &[] },
    Room { folder: "tests/", may_use: ANY, may_not_reach: &[], tests_may_not_reach: &[] },
];

/// A family of packages that a few rooms alone depend on directly, however many reach it through those.
struct AtHome {
    family: &'static str,
    rooms: &'static [&'static str],
    /// The rooms whose tests may use it too.
    tests: &'static [&'static str],
}

/// Rooms that may use anything are exempt.
const AT_HOME: &[AtHome] = &[
    AtHome { family: "rocksdb", rooms: &["runtime/store"], tests: &[] },
    AtHome { family: "librocksdb-sys", rooms: &["runtime/store"], tests: &[] },
    AtHome { family: "tendermint-abci", rooms: &["node/comet"], tests: &[] },
    // A node that joins answers CometBFT's light client by itself, from what other nodes show it.
    AtHome { family: "axum", rooms: &["node/http", "node/diemd"], tests: &["node/diemd"] },
    AtHome { family: "reqwest", rooms: &["client/sdk", "client/base"], tests: &["node/http", "node/diemd"] },
    AtHome { family: "libp2p", rooms: &["node/p2p"], tests: &[] },
    AtHome { family: "alloy", rooms: &["client/base"], tests: &[] },
];

/// A package of the graph, known by cargo's id.
#[derive(Debug, Default)]
struct Package {
    name: String,
    /// The folder below the workspace's root; `None` for a package from elsewhere.
    folder: Option<String>,
    /// The ids of its normal dependencies.
    uses: Vec<String>,
    /// The ids of the packages that only its tests depend on.
    tests_use: Vec<String>,
    /// The direct dependencies that its manifest declares, optional ones too, each with its kind.
    declares: Vec<(String, String)>,
}

/// The packages of a workspace and their normal dependencies.
#[derive(Debug)]
pub struct Graph(BTreeMap<String, Package>);

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    /// The error names the first field that is not as expected.
    pub fn from_metadata(json: &str) -> Result<Self, String> {
        let root: Value = serde_json::from_str(json).map_err(|e| format!("cargo metadata is no json: {e}"))?;
        let top = text(&root, "workspace_root")?;
        let mut packages = BTreeMap::new();
        for package in list(&root, "packages")? {
            let folder = match package.get("source") {
                Some(Value::Null) => text(package, "manifest_path")?
                    .strip_prefix(top)
                    .and_then(|path| path.strip_suffix("Cargo.toml"))
                    .map(|path| path.trim_matches('/').to_owned()),
                _ => None,
            };
            let name = text(package, "name")?.to_owned();
            let declares = list(package, "dependencies")?;
            let declares = declares.iter().map(|declared| Ok((text(declared, "name")?.to_owned(), kind_of(declared))));
            let declares = declares.collect::<Result<_, String>>()?;
            packages.insert(text(package, "id")?.to_owned(), Package { name, folder, declares, ..Package::default() });
        }
        for node in list(root.get("resolve").ok_or("cargo metadata has no `resolve`")?, "nodes")? {
            let package: &mut Package = packages.entry(text(node, "id")?.to_owned()).or_default();
            package.uses = dependencies(node, NORMAL)?;
            package.tests_use = dependencies(node, TESTS)?;
        }
        Ok(Self(packages))
    }

    /// Lists every breach of the plan, one sentence each; an empty list means that the house stands.
    #[must_use]
    pub fn breaches(&self) -> Vec<String> {
        let mut found = Vec::new();
        for package in self.0.values() {
            let Some(folder) = &package.folder else {
                continue;
            };
            match ROOMS.iter().find(|room| covers(room.folder, folder)) {
                Some(room) => {
                    found.extend(self.arrows_up(package, room));
                    found.extend(away_from_home(package, folder, room));
                    found.extend(self.declared(package, room));
                    found.extend(self.forbidden_below(&package.name, &package.uses, room.may_not_reach));
                    let tests = self.forbidden_below(&package.name, &package.tests_use, room.tests_may_not_reach);
                    found.extend(tests.into_iter().map(|breach| format!("in its tests: {breach}")));
                }
                None => {
                    found.push(format!("`{}` in {folder} stands in no room: give it one in tests/rooms", package.name))
                }
            }
        }
        found
    }

    fn arrows_up(&self, package: &Package, room: &Room) -> Vec<String> {
        let used = package.uses.iter().filter_map(|id| self.0.get(id));
        used.filter_map(|used| {
            let folder = used.folder.as_ref()?;
            let allowed = room.may_use == ANY || room.may_use.iter().any(|plan| covers(plan, folder));
            (!allowed).then(|| format!("`{}` may not depend on `{}`", package.name, used.name))
        })
        .collect()
    }

    /// The forbidden packages that the manifest declares for a feature that is off, or for its build script.
    fn declared(&self, package: &Package, room: &Room) -> Vec<String> {
        let on = |name: &String| package.uses.iter().any(|id| self.0.get(id).is_some_and(|used| used.name == *name));
        let declared = package.declares.iter().filter(|(name, kind)| kind != TESTS && !on(name));
        let forbidden = declared.filter(|(name, _)| room.may_not_reach.iter().any(|family| is_of_family(name, family)));
        forbidden.map(|(name, _)| format!("`{}` may not declare `{name}`", package.name)).collect()
    }

    /// Searches the graph below the packages that one uses, and reports the first path to each forbidden one.
    fn forbidden_below(&self, name: &str, uses: &[String], forbidden: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<(&String, String)> = uses.iter().map(|next| (next, name.to_owned())).collect();
        while let Some((id, above)) = open.pop() {
            let Some(used) = self.0.get(id) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            let path = format!("{above} -> {}", used.name);
            if forbidden.iter().any(|family| is_of_family(&used.name, family)) {
                found.push(format!("`{name}` may not reach `{}`: {path}", used.name));
            } else {
                open.extend(used.uses.iter().map(|next| (next, path.clone())));
            }
        }
        found
    }
}

fn away_from_home(package: &Package, folder: &str, room: &Room) -> Vec<String> {
    let declared = package.declares.iter().filter(|_| room.may_use != ANY);
    declared
        .filter_map(|(name, kind)| {
            let home = AT_HOME.iter().find(|home| is_of_family(name, home.family))?;
            let allowed = home.rooms.contains(&folder) || (kind == TESTS && home.tests.contains(&folder));
            (!allowed).then(|| {
                format!("`{}` may not use `{name}`, which {} alone does", package.name, home.rooms.join(" or "))
            })
        })
        .collect()
}

fn covers(plan: &str, folder: &str) -> bool {
    plan == folder || (plan.ends_with('/') && folder.starts_with(plan))
}

fn is_of_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The kind of a normal dependency, which cargo writes as null.
const NORMAL: &str = "normal";
/// The kind of a dependency of tests.
const TESTS: &str = "dev";

fn kind_of(entry: &Value) -> String {
    entry.get("kind").and_then(Value::as_str).unwrap_or(NORMAL).to_owned()
}

fn dependencies(node: &Value, kind: &str) -> Result<Vec<String>, String> {
    let mut uses = Vec::new();
    for dependency in list(node, "deps")? {
        let mut kinds = list(dependency, "dep_kinds")?.iter();
        if kinds.any(|entry| kind_of(entry) == kind) {
            uses.push(text(dependency, "pkg")?.to_owned());
        }
    }
    Ok(uses)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata has no text `{field}`"))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a [Value], String> {
    value
        .get(field)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("cargo metadata has no list `{field}`"))
}
