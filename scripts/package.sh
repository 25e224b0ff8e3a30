#!/usr/bin/env bash
# Packs what a machine without the sources needs into one archive: both programs, licences, the unit of systemd, alert rules
# and dashboard, the book but for the part about working on the sources, completions, manual pages, and the sums of all that.
# `make package` compiles first and calls it.
#
# The same commit gives the same bytes: names are sorted, the owner is 0, and every time is that of the commit (or
# SOURCE_DATE_EPOCH). OUT is the folder of the archive; DIEMD and COMETBFT are the programs, if not the usual ones; LEVEL is
# how hard it is compressed.
set -euo pipefail
umask 022
export LC_ALL=C
cd "$(dirname "$0")/.."

profile=${PROFILE:-release}
target=${CARGO_TARGET_DIR:-target}
out=${OUT:-$target/package}
fail() { echo "package: $*" >&2; exit 1; }

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
consensus=$(sed -n 's/^pub const VERSION: &str = "\(.*\)";$/\1/p' node/comet/src/find.rs)
diemd=${DIEMD:-$target/${profile/#dev/debug}/diemd}
cometbft=${COMETBFT:-${XDG_CACHE_HOME:-$HOME/.cache}/diem/cometbft-$consensus/cometbft}
[ -x "$cometbft" ] || cometbft=$(command -v cometbft) || fail "there is no CometBFT: scripts/setup.sh compiles it, or name it with COMETBFT"
[ -x "$diemd" ] || fail "there is no $diemd: \`make package\` compiles it"
[ "$("$cometbft" version)" = "$consensus" ] || fail "$cometbft is not CometBFT $consensus"
[ "$("$diemd" --version)" = "diemd $version" ] || fail "$diemd is not of version $version"

if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    time=$SOURCE_DATE_EPOCH
else
    time=$(git log -1 --format=%ct) || fail 'this is no checkout: set SOURCE_DATE_EPOCH'
    [ -z "$(git status --porcelain)" ] || echo 'package: there are changes here that are in no commit' >&2
fi

name=diemd-$version-linux-$(uname -m)
mkdir -p "$out"
work=$(mktemp -d "$out/packing.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/$name
mkdir -p "$root"/{bin,completions,licences,man/man1,systemd}

install -m 755 "$diemd" "$root/bin/diemd"
install -m 755 "$cometbft" "$root/bin/cometbft"
strip "$root/bin/diemd" "$root/bin/cometbft"
install -m 644 LICENSE CHANGELOG.md COMPATIBILITY.md SECURITY.md "$root"
# The pages of the book that INSTALL.md, the alert rules and the unit name, and the program that a page shows.
mkdir -p "$root/book"
cp -R docs/src/{use,operate,build} "$root/book"
sed '/](develop\//d' docs/src/SUMMARY.md >"$root/book/SUMMARY.md"
cp -R docs/examples "$root/examples"
sed 's|](\([A-Za-z/]*\.md\)|](book/operate/\1|g' docs/src/operate/machine.md >"$root/INSTALL.md"
python3 -B scripts/licences.py "$cometbft" "$root/licences"
install -m 644 docker/systemd/diemd.service "$root/systemd"
for folder in prometheus grafana; do
    [ ! -d "docker/$folder" ] || cp -R "docker/$folder" "$root/$folder"
done
"$diemd" completions bash >"$root/completions/diemd.bash"
"$diemd" completions zsh >"$root/completions/_diemd"
"$diemd" completions fish >"$root/completions/diemd.fish"
"$diemd" man --dir "$root/man/man1" 2>/dev/null

(cd "$root" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
tar --create --file - --directory "$work" --format=gnu --sort=name --owner=0 --group=0 --numeric-owner \
    --mode='u+rwX,go+rX,go-w' --mtime="@$time" "$name" | gzip -n "-${LEVEL:-9}" >"$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$out/$name.tar.gz"
