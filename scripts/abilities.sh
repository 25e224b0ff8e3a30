#!/usr/bin/env bash
# Prints the names of what this machine can do that some cannot: tests that need it must not be left out here. The names are
# those of node/diemd/tests/it/support/left_out.rs.
set -uo pipefail
cd "$(dirname "$0")/.."

can() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1 </dev/null; then printf '%s ' "$name"; fi
}

can mounts unshare --mount --map-root-user sh -c 'mount -t tmpfs tmpfs /mnt'
can networks unshare --net --map-root-user --pid --mount-proc --fork bash -c \
    'command -v curl && ip link add one type veth peer name other'
can users unshare --user --map-user=54321 true
can fuse unshare --mount bash -c \
    'exec 7<>/dev/fuse && mount -i -t fuse -o fd=7,rootmode=40000,user_id=1,group_id=1 fuse /mnt'
# PTRACE_SEIZE of a child, and its end.
can threads python3 -c '
import ctypes, os, signal, sys, time
child = os.fork()
if child == 0:
    time.sleep(60)
seized = ctypes.CDLL(None).ptrace(0x4206, child, 0, 0)
os.kill(child, signal.SIGKILL)
sys.exit(seized != 0)'
can root test "$(id -u)" = 0
can go go version
can terminal script -q -e -c true /dev/null
can systemd-analyze systemd-analyze --version
echo
