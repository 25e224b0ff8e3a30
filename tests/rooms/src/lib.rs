//! The plan of the house as a check: which crate of the workspace may depend on which, and what may not be found
//! anywhere below it. It looks at normal dependencies only; tests may reach upwards.

pub mod floats;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A room of the house: the crates in one folder of the workspace, and the rules for them.
struct Room {
    /// Folder of the crate; one that ends in `/` stands for every crate below it.
    folder: &'static str,
    /// Folders of the workspace that its crates may depend on directly; [`ANY`] lifts the rule.
    may_use: &'static [&'static str],
    /// Packages that may not be found below it at any depth, by name or by name and a dash.
    may_not_reach: &'static [&'static str],
}

const ANY: &[&str] = &["*"];
const OUTSIDE_WORLD: &[&str] =
    &["tokio", "mio", "hyper", "reqwest", "rocksdb", "librocksdb-sys", "libp2p", "tendermint"];
const ENGINE_ROOM: &[&str] = &["tokio", "libp2p", "tendermint-abci"];
const SERVER_SIDE: &[&str] = &["rocksdb", "librocksdb-sys", "libp2p", "tendermint-abci"];

/// Every room, the lowest first. A crate that stands in none of them is an error: whoever adds it decides here what
/// it may know.
const ROOMS: &[Room] = &[
    Room { folder: "runtime/core", may_use: &[], may_not_reach: OUTSIDE_WORLD },
    Room { folder: "runtime/store", may_use: &["runtime/core"], may_not_reach: ENGINE_ROOM },
    Room { folder: "modules/", may_use: &["runtime/core", "modules/"], may_not_reach: OUTSIDE_WORLD },
    Room { folder: "runtime/types", may_use: &["runtime/core", "modules/"], may_not_reach: OUTSIDE_WORLD },
    Room {
        folder: "runtime/app",
        may_use: &["runtime/core", "runtime/store", "modules/", "runtime/types"],
        may_not_reach: ENGINE_ROOM,
    },
    Room { folder: "genesis", may_use: &["runtime/core", "modules/", "runtime/types"], may_not_reach: SERVER_SIDE },
    Room { folder: "client", may_use: &["runtime/core", "modules/", "runtime/types"], may_not_reach: SERVER_SIDE },
    Room {
        folder: "node",
        may_use: &["runtime/core", "runtime/store", "modules/", "runtime/types", "runtime/app", "genesis", "client"],
        may_not_reach: &[],
    },
    Room { folder: "runtime/store-oracle", may_use: ANY, may_not_reach: &[] },
    Room { folder: "runtime/testkit", may_use: ANY, may_not_reach: &[] },
    Room { folder: "benches", may_use: ANY, may_not_reach: &[] },
    Room { folder: "fuzz", may_use: ANY, may_not_reach: &[] },
    Room { folder: "tests/", may_use: ANY, may_not_reach: &[] },
];

/// A package of the graph, known by cargo's id.
#[derive(Debug, Default)]
struct Package {
    name: String,
    /// Folder below the workspace's root; `None` for a package from elsewhere.
    folder: Option<String>,
    /// Ids of its normal dependencies.
    uses: Vec<String>,
}

/// The packages of a workspace and their normal dependencies.
#[derive(Debug)]
pub struct Graph(BTreeMap<String, Package>);

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    /// Names the first field that is not as expected.
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
            packages.insert(text(package, "id")?.to_owned(), Package { name, folder, uses: Vec::new() });
        }
        for node in list(root.get("resolve").ok_or("cargo metadata has no `resolve`")?, "nodes")? {
            let uses = normal_dependencies(node)?;
            packages.entry(text(node, "id")?.to_owned()).or_default().uses = uses;
        }
        Ok(Self(packages))
    }

    /// Every breach of the plan, one sentence each; none means that the house stands.
    #[must_use]
    pub fn breaches(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (id, package) in &self.0 {
            let Some(folder) = &package.folder else {
                continue;
            };
            match ROOMS.iter().find(|room| covers(room.folder, folder)) {
                Some(room) => {
                    found.extend(self.arrows_up(package, room));
                    found.extend(self.forbidden_below(id, package, room));
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

    /// Walks down from a package and reports the first path to each forbidden one.
    fn forbidden_below(&self, id: &str, package: &Package, room: &Room) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([id.to_owned()]);
        let mut open = vec![(id.to_owned(), package.name.clone())];
        while let Some((id, path)) = open.pop() {
            for next in self.0.get(&id).map_or(&[][..], |package| &package.uses) {
                let Some(used) = self.0.get(next) else {
                    continue;
                };
                if !seen.insert(next.clone()) {
                    continue;
                }
                let path = format!("{path} -> {}", used.name);
                if room.may_not_reach.iter().any(|name| is_of_family(&used.name, name)) {
                    found.push(format!("`{}` may not reach `{}`: {path}", package.name, used.name));
                } else {
                    open.push((next.clone(), path));
                }
            }
        }
        found
    }
}

fn covers(plan: &str, folder: &str) -> bool {
    plan == folder || (plan.ends_with('/') && folder.starts_with(plan))
}

fn is_of_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A dependency without a kind is a normal one.
fn normal_dependencies(node: &Value) -> Result<Vec<String>, String> {
    let mut uses = Vec::new();
    for dependency in list(node, "deps")? {
        let kinds = list(dependency, "dep_kinds")?;
        if kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null)) {
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
