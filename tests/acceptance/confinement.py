"""Run a program under what a systemd unit forbids by the kernel: `confinement.py UNIT PROGRAM [ARGUMENT …]`.

Reads SystemCallFilter=, RestrictAddressFamilies= and MemoryDenyWriteExecute= of the unit and applies them as systemd
does: an allowlist of system calls and of address families (seccomp), no memory that becomes executable, no new
privileges. Needs libseccomp and systemd-analyze, which knows what `@system-service` holds. The rest of a unit (mounts,
users, capabilities) is systemd's own work and not done here.
"""

import ctypes
import errno
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL = 4
NO_NEW_PRIVS, SET_MDWE, REFUSE_EXEC_GAIN = 38, 65, 1


class Comparison(ctypes.Structure):
    """libseccomp's `scmp_arg_cmp`: a condition on one argument of a system call."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path, name: str) -> list[str]:
    """Return the values that a unit gives a setting, in order."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def system_calls(names: list[str]) -> set[str]:
    """Return the system calls that names and `@sets` stand for."""
    calls: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
            continue
        listed = subprocess.run(
            ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True
        ).stdout.splitlines()[1:]
        calls |= system_calls([line.strip() for line in listed if line.strip() and not line.strip().startswith("#")])
    return calls


def allowed_calls(unit: Path) -> set[str]:
    """Return what is left when the unit's lists are applied one after the other, `~` taking away."""
    allowed = system_calls(["@default"])
    for line in settings(unit, "SystemCallFilter"):
        names = system_calls(line.removeprefix("~").split())
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def forbid(unit: Path) -> None:
    """Give up, for this process and its children, what the unit forbids."""
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ERRNO | errno.EPERM))
    families = {int(getattr(socket, name)) for name in " ".join(settings(unit, "RestrictAddressFamilies")).split()}
    for call in sorted(allowed_calls(unit)):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            continue
        if call != "socket":
            expect(seccomp.seccomp_rule_add_array(context, ALLOW, number, 0, None))
            continue
        for family in families:
            only = (Comparison * 1)(Comparison(0, EQUAL, family, 0))
            expect(seccomp.seccomp_rule_add_array(context, ALLOW, number, 1, only))
    expect(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]:
        # Linux 6.3 or later; systemd does the same with seccomp on older ones.
        libc.prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)
    expect(seccomp.seccomp_load(context))


def expect(status: int) -> None:
    """Raise OSError unless a call of C went well."""
    if status != 0:
        raise OSError(abs(status), os.strerror(abs(status)))


if __name__ == "__main__":
    forbid(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program is what the caller asks for
