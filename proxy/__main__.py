"""The door: `python -m proxy …`, also installed as `database-proxy`."""

import sys

from proxy.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
