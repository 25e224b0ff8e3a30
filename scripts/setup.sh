#!/usr/bin/env bash
# Sets up what a build needs and this machine lacks. Says in one line what it installs and why; run again, it finds
# everything there and is done at once.
set -euo pipefail
cd "$(dirname "$0")/.."

cometbft_version=0.38.25
cache=${XDG_CACHE_HOME:-$HOME/.cache}/diem

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# bindgen needs libclang and the C headers that come with it, in one of the places where it looks.
have_libclang() {
    local lib
    for lib in ${LIBCLANG_PATH:+"$LIBCLANG_PATH"} /usr/lib/llvm*/lib /usr/lib64/llvm*/lib* /usr/lib64 /usr/lib /usr/local/lib; do
        if compgen -G "$lib/libclang.so*" >/dev/null || compgen -G "$lib/libclang-[0-9]*.so*" >/dev/null; then
            compgen -G "$lib/clang/*/include/stddef.h" >/dev/null && return
            compgen -G "/usr/lib/clang/*/include/stddef.h" >/dev/null && return
        fi
    done
    return 1
}

have_cxx() { [ -n "${CXX:-}" ] || have g++ || have clang++; }

install_packages() {
    local packages=() run=()
    if ! have cc || ! have_cxx; then
        packages+=(g++ libc6-dev)
        say 'g++: compiles RocksDB and links the node'
    fi
    if ! have_libclang; then
        packages+=(libclang-dev)
        say "libclang-dev: bindgen reads RocksDB's C header with it"
    fi
    if ! have python3; then
        packages+=(python3)
        say 'python3: runs the model of the economy that tests compare the chain with'
    fi
    [ ${#packages[@]} -gt 0 ] || return 0

    have apt-get || fail "this is no Debian or Ubuntu: install a C++20 compiler, libclang with its headers and Python 3, then run again
  Fedora: dnf install gcc-c++ clang-devel python3    Arch: pacman -S base-devel clang python    Alpine: apk add build-base clang-dev linux-headers python3"
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "neither root nor sudo: run as root: apt-get install ${packages[*]}"
        run=(sudo)
    fi
    say "installing ${packages[*]} with apt-get"
    run+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    "${run[@]}" update
    "${run[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null
}

# Cargo reads this file through .cargo/config.toml; a variable set by hand wins over it.
point_cargo_at_rocksdb() {
    local folder text
    folder=$(scripts/rocksdb.sh "$cache")
    text="# Written by scripts/setup.sh; may be deleted, cargo then compiles RocksDB itself.
[env]
ROCKSDB_LIB_DIR = \"$folder\"
ROCKSDB_STATIC = \"1\""
    [ "$text" = "$(cat .cargo/local.toml 2>/dev/null)" ] || printf '%s\n' "$text" >.cargo/local.toml
}

# diemd looks in PATH, then in this folder.
install_cometbft() {
    local folder=$cache/cometbft-$cometbft_version work output
    [ ! -x "$folder/cometbft" ] || return 0
    if have cometbft && [ "$(cometbft version 2>/dev/null)" = "$cometbft_version" ]; then return 0; fi
    if ! have go; then
        say "no Go here, so CometBFT $cometbft_version cannot be built: install Go or CometBFT, or use --engine instant"
        return 0
    fi
    say "CometBFT $cometbft_version with go install, about a minute: the consensus engine of the devnet"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/cometbft-building.XXXXXX")
    if output=$(GOBIN=$work CGO_ENABLED=0 go install "github.com/cometbft/cometbft/cmd/cometbft@v$cometbft_version" 2>&1); then
        mkdir -p "$folder"
        mv "$work/cometbft" "$folder/cometbft"
    else
        printf '%s\n' "$output" >&2
        say "CometBFT could not be built; diemd will try again at its start, else use --engine instant"
    fi
    rm -rf "$work"
}

have cargo || fail 'Rust is missing: install it from https://rustup.rs, then run again'
if [ "$(uname -s)" = Linux ]; then
    install_packages
    point_cargo_at_rocksdb
else
    have_cxx || fail 'install a C++20 compiler (macOS: xcode-select --install), then run again'
    have python3 || say 'no python3: the tests run the model of the economy with it (macOS: brew install python3)'
    say 'not Linux: cargo will compile RocksDB itself; libclang must be there (macOS: brew install llvm)'
fi
install_cometbft
say 'ready'
