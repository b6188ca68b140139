"""What `postmaster.pid` says, and what of it may be believed.

The file outlives a server that was killed, and then still says `ready`: it
counts only when its first line is the process that we started. Lines: pid, data
folder, start time, port, socket folder, address, shared memory, status.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from proxy.embedded.errors import EmbeddedFailed

_LEFTOVER_TIMEOUT_S = 30


def is_ready(data: Path, pid: int) -> bool:
    """Tell whether the server with this process id accepts connections."""
    lines = _lines(data)
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def end_leftover(data: Path, socket_prefix: str) -> None:
    """Stop a server that outlived its starter, and clear away what a killed one left.

    Only to be called by who holds the folder's lock. A process that merely got
    the old server's number is let alone.
    """
    lines = _lines(data)
    if not lines:
        return
    pid = int(lines[0]) if lines[0].isdigit() else 0
    if pid and _serves(pid, data):
        _end(pid, data)
    (data / "postmaster.pid").unlink(missing_ok=True)
    if len(lines) >= 5 and Path(lines[4]).name.startswith(socket_prefix):
        shutil.rmtree(lines[4], ignore_errors=True)


def free_port() -> int:
    """Return a TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _serves(pid: int, data: Path) -> bool:
    """Tell whether process `pid` is a PostgreSQL server of this data folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        asked = ["ps", "-o", "args=", "-p", str(pid)]
        command = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603 - macOS has no /proc
    return f"-D {data} " in command


def _end(pid: int, data: Path) -> None:
    """Stop another's child: it may be told, and watched, but not waited for."""
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + _LEFTOVER_TIMEOUT_S
    while _serves(pid, data):
        if time.monotonic() > deadline:
            raise EmbeddedFailed(f"an old PostgreSQL (process {pid}) in {data} does not stop", f"run: kill -QUIT {pid}")
        time.sleep(0.02)
