"""Writes the licences of everything that is compiled into diemd and CometBFT, the texts that stand beside their sources.

usage: licences.py COMETBFT FOLDER      rust.txt and go.txt in FOLDER
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

TEXT = re.compile(r"^(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
LINE = "=" * 80


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def texts(folder):
    """The texts of licences in a folder, and those one folder below it, where sources of others lie."""
    if not folder.is_dir():
        return []
    files = [path for path in [*folder.glob("*"), *folder.glob("*/*")] if path.is_file() and TEXT.match(path.name)]
    return [path.read_text(errors="replace").strip() for path in sorted(files) if path.suffix not in {".go", ".rs"}]


def write(path, parts):
    """Writes a line for each part, with its licence and the numbers of its texts, and then each text once."""
    numbers, lines = {}, []
    for name, kind, found in sorted(parts):
        own = [numbers.setdefault(text, len(numbers) + 1) for text in found]
        named = ", ".join(f"[{number}]" for number in own) or "no text stands beside its sources"
        lines.append("  ".join(filter(None, [name, kind, named])))
    blocks = ["\n".join(lines)] + [f"[{number}]\n\n{text}" for text, number in numbers.items()]
    path.write_text(f"\n\n{LINE}\n\n".join(blocks) + "\n")


def rust():
    """The crates that diemd is compiled from."""
    host = re.search(r"^host: (.*)$", run("rustc", "-vV"), re.MULTILINE)[1]
    whole = json.loads(run("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host))
    packages = {package["id"]: package for package in whole["packages"]}
    arrows = {node["id"]: node["deps"] for node in whole["resolve"]["nodes"]}
    waiting = [package["id"] for package in whole["packages"] if package["name"] == "diem-node"]
    seen = set()
    while waiting:
        package = waiting.pop()
        if package not in seen:
            seen.add(package)
            normal = lambda arrow: any(kind["kind"] is None for kind in arrow["dep_kinds"])
            waiting += [arrow["pkg"] for arrow in arrows[package] if normal(arrow)]
    for package in (packages[package] for package in sorted(seen)):
        if package["source"]:
            name = f"{package['name']} {package['version']}"
            yield name, package["license"] or "", texts(Path(package["manifest_path"]).parent)


def go(program):
    """The modules that CometBFT says it is compiled from, and Go itself."""
    shown = run("go", "version", "-m", program)
    cache = Path(run("go", "env", "GOMODCACHE").strip())
    yield "Go " + shown.splitlines()[0].split()[-1], "", texts(Path(run("go", "env", "GOROOT").strip()))
    for _, module, version in re.findall(r"^\t(mod|dep)\t(\S+)\t(\S+)", shown, re.MULTILINE):
        # In the cache a capital letter is its small one behind an exclamation mark.
        folder = re.sub("[A-Z]", lambda letter: "!" + letter[0].lower(), f"{module}@{version}")
        yield f"{module} {version}", "", texts(cache / folder)


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    write(folder / "rust.txt", rust())
    try:
        write(folder / "go.txt", go(program))
    except FileNotFoundError:
        print("licences: without Go the modules in CometBFT are not known: go.txt is missing", file=sys.stderr)


if __name__ == "__main__":
    os.environ.setdefault("GOFLAGS", "-mod=mod")
    main()
