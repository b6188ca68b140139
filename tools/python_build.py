"""Tell how a Python was built: `./run` asks each one that it finds, and the benchmark says on which one it ran.

Run by the Python in question, be it ever so old: prints `optimised` or
`plain`, or ends with status 1 where it cannot make the checkout's environment.
"""

import sys
import sysconfig


def is_optimised() -> bool:
    """Tell whether this Python was compiled by the profile of a run (`--enable-optimizations`).

    Debian's and Ubuntu's own ones are, and do not say so: the packages keep
    these flags from sysconfig (Debian bug 934771). They are known by the
    install scheme that only they have.
    """
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in configured or "deb_system" in sysconfig.get_scheme_names()


def main() -> int:
    """Print what ./run chooses by."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may be asked, too
        return 1
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian's Python comes without it
        import venv  # noqa: F401, PLC0415
    except ImportError:
        return 1
    print("optimised" if is_optimised() else "plain")
    return 0


if __name__ == "__main__":
    sys.exit(main())
