"""What every contestant is asked: the same statements with the same parameters, drawn with a fixed seed."""

import random
from dataclasses import dataclass

SEED = 20251121
# As many different requests are sent in turn: enough that no two connections ask for one row at a time.
VARIETY = 512


@dataclass(frozen=True, slots=True)
class Workload:
    """One statement, sent with other parameters each time.

    `highest` is the largest value of its one parameter, the least being 1; 0
    where it takes none. `rows` is how many it returns, `row_count` how many
    PostgreSQL says it read or wrote.
    """

    name: str
    title: str
    sql: str
    highest: int
    rows: int
    row_count: int

    def parameters(self) -> list[list[int]]:
        """Return the parameters of each request, the same in every run."""
        if not self.highest:
            return [[]]
        drawn = random.Random(SEED).sample(range(1, self.highest + 1), VARIETY)
        return [[number] for number in drawn]

    def pgbench_script(self) -> str:
        """Return what pgbench runs: the same statement, and a parameter of its own drawing."""
        drawing = f"\\set id random(1, {self.highest})\n" if self.highest else ""
        return f"{drawing}{self.sql.replace('$1', ':id')};\n"


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "W1",
            "a point read by primary key",
            "SELECT id, name, category, price, is_active, created_at FROM products WHERE id = $1",
            highest=10_000,
            rows=1,
            row_count=1,
        ),
        Workload(
            "W2",
            "a join: 20 rows of 6 columns",
            "SELECT o.id, o.status, o.total, o.placed_at, p.name, p.category"
            " FROM orders o JOIN products p ON p.id = o.product_id WHERE o.customer_id = $1 ORDER BY o.id",
            highest=1_000,
            rows=20,
            row_count=20,
        ),
        Workload(
            "W3",
            "an UPDATE of one row",
            "UPDATE counters SET hits = hits + 1 WHERE id = $1",
            highest=10_000,
            rows=0,
            row_count=1,
        ),
        Workload(
            "W4",
            "5,000 rows of 8 columns",
            "SELECT id, device, kind, ok, taken_at, value, amount, note FROM readings ORDER BY id",
            highest=0,
            rows=5_000,
            row_count=5_000,
        ),
    )
}
