"""Small lines for tables and forms, as inline SVG. Pure: points in, markup out; a gap stays a gap."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 240, 32


def sparkline(values: Sequence[float | None], label: str) -> SafeString:
    """A line over all values, from 0 up to the highest; None is a gap, a lone value a dot. `label` says it in words."""
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    step = WIDTH / max(1, len(values) - 1)
    pieces: list[list[tuple[float, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((number * step, HEIGHT - 2 - (HEIGHT - 4) * value / top))
    lines = format_html_join("", '<path d="{}"/>', ((_path(piece),) for piece in pieces if piece))
    return format_html(
        '<svg class="sparkline" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}"'
        ' fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round">{}</svg>',
        label,
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        lines,
    )


def _path(piece: Sequence[tuple[float, float]]) -> str:
    first, *others = (f"{x:.1f} {y:.1f}" for x, y in piece)
    return f"M{first}" + "".join(f"L{point}" for point in others) + ("h0" if not others else "")
