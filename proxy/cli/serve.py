"""`serve`: check settings and policies, then answer queries until told to stop."""

import argparse
import os
import sys
import tempfile

from proxy.cli.console import CommandFailed, complain
from proxy.identity.signing_keys import KeyInvalid
from proxy.issuer import load_keys
from proxy.progress import Progress
from proxy.settings import Settings, SettingsInvalid, load_settings
from proxy.tenants.folder import PoliciesInvalid, PolicyFolder

DESCRIPTION = """\
Serve SQL over HTTP, as the environment says (docs/settings.md).

What is wrong with the settings and the policy files is told all at once, and
nothing is served until it is mended. SIGTERM and Ctrl-C stop it once the
requests under way are answered; SIGHUP, or a change of a file, reads the
policies again. Log lines go to standard output as JSON."""

EXAMPLES = """\
example:
  PROXY_DATABASE_URL=postgresql://127.0.0.1:5432 PROXY_JWT_SECRET_FILE=/etc/proxy/secret database-proxy serve
  curl http://127.0.0.1:3000/health"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Give the command its help; everything it needs comes from the environment."""
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES


def run(_arguments: argparse.Namespace) -> int:
    """Serve until told to stop. Exit status 2: invalid settings or policies; 1: it cannot listen, or has no keys."""
    try:
        settings = load_settings(os.environ)
        folder = PolicyFolder(settings.policies)
        with Progress("Reading the policies") as progress:
            folder.load(progress.say)
        if settings.jwt_keys is not None:
            load_keys(settings.jwt_keys)
    except (SettingsInvalid, PoliciesInvalid) as exc:
        return _complain_of(exc)
    except KeyInvalid as exc:
        raise CommandFailed(f"not started: PROXY_JWT_KEYS: {exc}") from exc
    if settings.workers == 1:
        return _serve(settings, folder)
    with tempfile.TemporaryDirectory(prefix="database-proxy-metrics-") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        return _serve(settings, folder)


def _complain_of(exc: SettingsInvalid | PoliciesInvalid) -> int:
    """Tell every fault on a line of its own."""
    what = "settings" if isinstance(exc, SettingsInvalid) else "policies"
    complain(f"not started: {len(exc.faults)} fault{'s' if len(exc.faults) > 1 else ''} in the {what}")
    for fault in exc.faults:
        print(f"  {fault}", file=sys.stderr)
    return 2


def _serve(settings: Settings, folder: PolicyFolder) -> int:
    # Prometheus's client looks for PROMETHEUS_MULTIPROC_DIR when it is first imported.
    from proxy import server  # noqa: PLC0415
    from proxy.telemetry import lines  # noqa: PLC0415

    lines.configure(settings.log_level)
    try:
        return server.run(settings, folder, lambda line: print(line, file=sys.stderr, flush=True))
    except OSError as exc:
        raise CommandFailed(f"cannot listen: {exc.strerror or exc}", "Is another gateway running there?") from exc
    finally:
        lines.flush()
