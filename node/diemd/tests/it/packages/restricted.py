"""Runs a program under the restrictions of a systemd unit, as far as a process can set them on itself.

usage: restricted.py UNIT HOME PROGRAM ARGUMENTS...

The whole file system is read-only but HOME, no capability is left, nothing can gain privileges, and system calls
outside of the unit's SystemCallFilter end with its SystemCallErrorNumber. It has to run in a mount namespace of its own.
Exit code 77 says that this machine cannot do that.
"""

import ctypes
import errno
import os
import re
import struct
import subprocess
import sys

ARCHITECTURE = 0xC000003E  # AUDIT_ARCH_X86_64
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 24, 38, 22
libc = ctypes.CDLL(None, use_errno=True)


def cannot(why):
    print(f"cannot: {why}", file=sys.stderr)
    sys.exit(77)


def expand(word, seen):
    """The system calls of a name, or of a set such as @system-service."""
    if not word.startswith("@"):
        return {word}
    if word in seen:
        return set()
    seen.add(word)
    shown = subprocess.run(["systemd-analyze", "syscall-filter", word, "--no-pager"], capture_output=True, text=True)
    if shown.returncode != 0:
        cannot(shown.stderr.strip())
    lines = [line.strip() for line in shown.stdout.splitlines()[1:]]
    return set().union(*(expand(line, seen) for line in lines if line and not line.startswith("#")))


def allowed(unit):
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        words = line.removeprefix("~").split()
        named = set().union(*(expand(word, set()) for word in words))
        calls = calls - named if line.startswith("~") else calls | named
    # What every set of systemd allows, whatever the unit says.
    return calls | expand("@default", set())


def install_filter(unit):
    if os.uname().machine != "x86_64" or not os.path.exists(HEADER):
        cannot("the numbers of system calls are known for x86_64 with its headers only")
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", open(HEADER).read()))
    refusal = getattr(errno, re.search(r"^SystemCallErrorNumber=(\w+)$", unit, re.MULTILINE)[1])
    # The offsets are those of `struct seccomp_data`: the number of the call, then the architecture.
    steps = [(LOAD, 0, 0, 4), (JUMP_IF_EQUAL, 1, 0, ARCHITECTURE), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    for name in sorted(allowed(unit) & numbers.keys()):
        steps += [(JUMP_IF_EQUAL, 0, 1, int(numbers[name])), (RETURN, 0, 0, ALLOW)]
    steps.append((RETURN, 0, 0, ERRNO | refusal))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, 2, ctypes.create_string_buffer(program), 0, 0) != 0:
        cannot(os.strerror(ctypes.get_errno()))


def main():
    unit, home, command = open(sys.argv[1]).read(), sys.argv[2], sys.argv[3:]
    for step in (["--make-rprivate", "/"], ["--bind", home, home], ["-o", "bind,remount,ro", "/"]):
        done = subprocess.run(["mount", *step], capture_output=True, text=True)
        if done.returncode != 0:
            cannot(done.stderr.strip())
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        cannot("no process can give up privileges here")
    install_filter(unit)
    os.chdir(home)
    os.execv(command[0], command)


main()
