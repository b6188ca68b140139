"""What a vetting process of the tests judges by: the text says what is to become of it."""

import os
import time
from pathlib import Path

from proxy.policy.model import Policy
from proxy.vetting import vet
from proxy.vetting.catalog import Catalog
from proxy.vetting.verdict import Verdict


def judge(sql: str, policy: Policy, role: str, catalog: Catalog) -> Verdict:
    """Work for ever, wait for ever, die, wait for ever the first time only, leave a circle behind, or vet."""
    what, _, argument = sql.partition(" ")
    match what:
        case "spin":
            while True:
                pass
        case "hang":
            time.sleep(3_600)
        case "die":
            os._exit(3)
        case "once":
            mark = Path(argument)
            if not mark.exists():
                mark.touch()
                time.sleep(3_600)
        case "litter":
            circle: list[object] = [bytes(2**26)]
            circle.append(circle)
        case "eat":
            return vet("x" * 10**10, policy, role, catalog)
    return vet("SELECT 1", policy, role, catalog)
