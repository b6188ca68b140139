"""Write every function name of pg_catalog to `proxy/policy/builtin_functions.txt`.

Usage: python tools/list_builtin_functions.py URL [URL …]

Give one URL for each PostgreSQL version that the gateway supports; the list
is the union, its first line names the versions. Review the difference, then
put each new function that applications call into a group of
`proxy/policy/functions.py`; what is in no group has to be listed by name.
"""

import asyncio
import sys
from pathlib import Path

import asyncpg

TARGET = Path(__file__).parent.parent / "proxy" / "policy" / "builtin_functions.txt"
QUERY = """
SELECT DISTINCT proname FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('a', 'f', 'w')
"""


async def main(urls: list[str]) -> None:
    """Ask each server and write the union."""
    names: set[str] = set()
    versions = []
    for url in urls:
        connection = await asyncpg.connect(url)
        versions.append(await connection.fetchval("SHOW server_version"))
        names |= {record[0] for record in await connection.fetch(QUERY)}
        await connection.close()
    lines = [f"# pg_catalog of PostgreSQL {', '.join(version.split()[0] for version in versions)}", *sorted(names)]
    TARGET.write_text("\n".join(lines) + "\n")
    print(f"{len(names)} functions in {TARGET.name}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1:]))
