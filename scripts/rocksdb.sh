#!/usr/bin/env bash
# Builds librocksdb.a once, outside the checkout, from the very sources that the locked librocksdb-sys crate carries,
# and prints the folder that holds it.
#
# Why: left alone, the crate compiles 340 files one by one, again for every profile and after every clean. Twelve files
# that each include a twelfth of them need a third of the time, once. The folder's name says what went in (crate
# version, compiler, flags), and it appears under that name only when it is complete.
#
# usage: rocksdb.sh CACHE_FOLDER      folder on stdout, progress on stderr
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${1:?usage: rocksdb.sh CACHE_FOLDER}
units=12

cxx=${CXX:-}
for candidate in g++ clang++ c++; do
    [ -n "$cxx" ] || ! command -v "$candidate" >/dev/null || cxx=$candidate
done
[ -n "$cxx" ] || { echo 'rocksdb: no C++ compiler found; install g++ or set CXX' >&2; exit 1; }

# What the crate's build script defines on Linux for the features that the workspace asks for (lz4 alone).
flags=(
    -std=c++20 -O2 -fPIC -ffunction-sections -fdata-sections -w -include cstdint
    -DNDEBUG -DLZ4=1 -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION
    -DOS_LINUX -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX -DROCKSDB_SCHED_GETCPU_PRESENT
    -DROCKSDB_AUXV_GETAUXVAL_PRESENT -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT
)
# Checksums in hardware where this processor has them.
case "$(uname -m)" in
    x86_64) if grep -qw sse4_2 /proc/cpuinfo && grep -qw pclmulqdq /proc/cpuinfo; then flags+=(-msse4.2 -mpclmul); fi ;;
    aarch64) if grep -qw crc32 /proc/cpuinfo && grep -qw pmull /proc/cpuinfo; then flags+=(-march=armv8-a+crc+crypto); fi ;;
esac

version=$(awk '/^name = "librocksdb-sys"$/ { getline; gsub(/version = |"/, ""); print; exit }' Cargo.lock)
# shellcheck disable=SC2086  # as below
recipe=$(printf '%s\n' "$($cxx --version | head -n 1)" "$units" "${flags[*]}" | sha256sum | cut -c 1-12)
folder=$cache/rocksdb-$version-$recipe
if [ -f "$folder/librocksdb.a" ]; then
    echo "$folder"
    exit
fi

# Where cargo unpacked the sources of a crate.
sources() {
    local manifest
    manifest=$(grep -oE "\"manifest_path\":\"[^\"]*/$1(-[0-9][^\"/]*)?/Cargo.toml\"" <<<"$metadata" | head -n 1 | cut -d '"' -f 4)
    [ -n "$manifest" ] || { echo "rocksdb: the workspace does not depend on $1; the set-up is out of date" >&2; exit 1; }
    dirname "$manifest"
}
host=$(rustc -vV | sed -n 's/^host: //p')
metadata=$(cargo metadata --format-version 1 --filter-platform "$host")
crate=$(sources librocksdb-sys)
lz4=$(sources lz4-sys)/liblz4/lib

mkdir -p "$cache"
work=$(mktemp -d "$cache/rocksdb-building.XXXXXX")
trap 'rm -rf "$work"' EXIT

# One file per unit: neighbours in the list share most of their headers.
{ grep -v '^util/build_version.cc$' "$crate/rocksdb_lib_sources.txt" | sed 's|^|rocksdb/|'; echo build_version.cc; } |
    grep '\.cc$' >"$work/list"
split -d -n "l/$units" "$work/list" "$work/unit."
for unit in "$work"/unit.*; do
    sed 's|.*|#include "&"|' "$unit" >"$unit.cc"
done

printf '"%s"\n' "${flags[@]}" "-I$crate/rocksdb/include" "-I$crate/rocksdb" "-I$crate" "-I$lz4" >"$work/flags"
compile() {
    # shellcheck disable=SC2086  # CXX may hold a launcher and its compiler
    $CXX -c "$1" -o "$1.part" @"${1%/*}/flags" || exit 255 # which makes xargs start no other
    mv "$1.part" "$1.o"
    echo "  RocksDB $(find "${1%/*}" -name '*.o' | wc -l)/$UNITS" >&2
}
export -f compile
export CXX=$cxx UNITS=$units
echo "building RocksDB ${version#*+} in $cache (once, a few minutes)" >&2
printf '%s\0' "$work"/unit.*.cc | xargs -0 -n 1 -P "$(nproc)" bash -ec 'compile "$1"' compile

mkdir "$work/done"
ar crs "$work/done/librocksdb.a" "$work"/*.o
# Another run may have finished first: its archive is as good as this one.
mv -T "$work/done" "$folder" 2>/dev/null || [ -f "$folder/librocksdb.a" ]
echo "$folder"
