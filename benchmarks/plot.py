"""The picture: for each mode and workload, one bar a contestant, as long as its requests a second."""

from html import escape

from benchmarks.report import Results
from benchmarks.summary import Cell

# Pixels. A panel is a title, and for each bar a label, the bar, and its value behind it.
_PANEL_WIDTH, _LABEL_WIDTH, _LONGEST_BAR = 440, 96, 180
_BAR, _GAP, _SPACE, _MARGIN, _HEAD = 16, 6, 6, 16, 26
_OURS = "database-proxy"


def to_svg(results: Results) -> str:
    """Draw modes as columns and workloads as rows. Each panel has its own scale: they are not to be compared."""
    cells, reference = results.cells(), results.reference()
    held_to = "" if reference is None else f" (times Express on {results.references[reference]})"
    contestants = [name for name in results.contestants() if name != "constant"]
    height = _HEAD + len(contestants) * (_BAR + _GAP) + _MARGIN
    panels = [
        f'<g transform="translate({_MARGIN + column * _PANEL_WIDTH},{_MARGIN + row * height})">'
        + _panel(
            f"{workload}, {results.titles[mode].lower()}: requests/s{held_to}, p99",
            [(name, cells[mode, workload, name]) for name in contestants if (mode, workload, name) in cells],
            reference,
        )
        + "</g>"
        for column, mode in enumerate(results.modes())
        for row, workload in enumerate(results.workloads())
    ]
    width = 2 * _MARGIN + len(results.modes()) * _PANEL_WIDTH
    total = _MARGIN + len(results.workloads()) * height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" '
        'font-family="sans-serif" font-size="11" fill="#222">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(title: str, bars: list[tuple[str, Cell]], reference: str | None) -> str:
    longest = max((cell.rate for _, cell in bars), default=1) or 1
    parts = [f'<text y="12" font-weight="bold">{escape(title)}</text>']
    for number, (name, cell) in enumerate(bars):
        top = _HEAD + number * (_BAR + _GAP)
        baseline, length = top + _BAR - 4, cell.rate / longest * _LONGEST_BAR
        colour = "#1b6ca8" if name == _OURS else "#b8bfc6"
        ratio = None if reference is None else cell.ratios[reference]
        times = "" if ratio is None else f" ({ratio:.1f}x)"
        value = f"{cell.rate:,.0f}{times}, {cell.p99_ms:.1f} ms"
        parts += [
            f'<text x="{_LABEL_WIDTH - _SPACE}" y="{baseline}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LABEL_WIDTH + length + _SPACE:.1f}" y="{baseline}">{escape(value)}</text>',
        ]
    return "\n".join(parts)
