#!/usr/bin/env bash
# Finds promtool and Prometheus for the tests of the alert rules, or puts them into the cache, and prints the folder that
# has both. Nothing is installed: the package of Debian would start a service. Prints nothing where there is no way.
set -euo pipefail

version=0.316.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/diem
folder=$cache/prometheus

say() { printf 'prometheus: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
is_whole() { [ -x "$1/promtool" ] && [ -x "$1/prometheus" ]; }

found() {
    printf '%s\n' "$1"
    exit 0
}

if have promtool && have prometheus; then
    bin=$(dirname "$(command -v promtool)")
    ! is_whole "$bin" || found "$bin"
fi
! is_whole "$folder" || found "$folder"

mkdir -p "$cache"
exec 9>"$cache/.prometheus.lock"
flock 9
! is_whole "$folder" || found "$folder"
work=$(mktemp -d "$cache/prometheus-building.XXXXXX")
trap 'rm -rf "$work"' EXIT

download() { (cd "$work" && apt-get -qq download prometheus >/dev/null 2>&1); }

from_debian() {
    have apt-get && have dpkg-deb || return 1
    say 'unpacking the package of Debian into the cache'
    # A new machine has no lists of packages yet, and only root can get them.
    download || { [ "$(id -u)" -eq 0 ] && apt-get -qq update >/dev/null 2>&1 && download; } || return 1
    dpkg-deb -x "$work"/prometheus_*.deb "$work/package" || return 1
    mv "$work/package/usr/bin/promtool" "$work/package/usr/bin/prometheus" "$work"
}

from_go() {
    have go || return 1
    say "compiling Prometheus $version with go install, some minutes, once"
    local source=github.com/prometheus/prometheus/cmd
    GOBIN=$work CGO_ENABLED=0 go install "$source/promtool@v$version" "$source/prometheus@v$version" >&2
}

# A version that this machine can run is what counts, and that both files are there.
runs() { is_whole "$work" && "$work/promtool" --version >/dev/null 2>&1 && "$work/prometheus" --version >/dev/null 2>&1; }

{ from_debian && runs; } || { from_go && runs; } || {
    say 'neither apt-get nor Go can get Prometheus here: what needs it is left out'
    exit 0
}
mkdir -p "$folder"
mv "$work/promtool" "$work/prometheus" "$folder"
found "$folder"
