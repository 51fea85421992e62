"""What a run does, step by step, for whoever looks over its shoulder: noted only while somebody does. No secret is ever noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from probes.probers.engine import Reply, Request

LABEL = 11  # letters of each line that say what it is about

_lines: ContextVar[list[str] | None] = ContextVar("trace", default=None)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Inside, the lines of what this thread's runs do are gathered."""
    lines: list[str] = []
    before = _lines.set(lines)
    try:
        yield lines
    finally:
        _lines.reset(before)


def is_watched() -> bool:
    """Whether anybody looks: words for nobody take time."""
    return _lines.get() is not None


def note(line: str) -> None:
    found = _lines.get()
    if found is not None:
        found.append(line)


def took(phases: Mapping[str, int], total_us: int | None) -> list[str]:
    """A line for each phase, and one for all."""
    lines = [f"  {name:9}{phase / 1000:.1f} ms" for name, phase in phases.items()]
    return lines if total_us is None else [*lines, f"  {'in all':9}{total_us / 1000:.1f} ms"]


def asserted(what: str, holds: bool | None) -> None:
    """An assertion; None: it could not be decided."""
    note(f"assertion  {what}: {'undecided' if holds is None else 'holds' if holds else 'DOES NOT HOLD'}")


def exchange(fetch: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """Note what `fetch` asks and gets: never a header, a body, or what an address carries behind its path."""

    @wraps(fetch)
    def noted(request: Request) -> Reply:
        reply = fetch(request)
        if is_watched():
            _note_exchange(request, reply)
        return reply

    return noted


def _note_exchange(request: Request, reply: Reply) -> None:
    parts = urlsplit(request.url)
    more = "?…" if parts.query else ""
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    asked = f"request    {request.method} {parts.scheme}://{host}{parts.path}{more}"
    if request.handshake_only:  # nothing is asked after it
        asked = f"handshake  TLS with {host}" + (f" after {parts.scheme} STARTTLS" if parts.scheme != "https" else "")
    note(asked + (f" ({reply.ip})" if reply.ip else ""))
    for line in took(reply.phases, reply.total_us):
        note(line)
    what = f"status {reply.status}, {reply.content_type or 'no content type'}, {len(reply.body)} bytes" if reply.status else ""
    if request.handshake_only and reply.certificates:
        what = f"certificates: {len(reply.certificates)}"
    trouble = f"{reply.error_class}: {reply.error}" if reply.error_class else ""
    note(f"answer     {'; '.join(filter(None, (what, trouble))) or 'none'}")
