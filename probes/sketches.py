"""Latencies as quantile sketches (DDSketch). Pure.

Each latency becomes a key of a logarithmic scale, so sketches add up, the database can count keys by itself, and a quantile is
off by at most 1 % of its value. Stored quantiles could not be merged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

ACCURACY = 0.01
VERSION = 1  # first byte of what is stored: a change of accuracy or of form is another version
_SCALE = LogarithmicMapping(ACCURACY)
KEYS_PER_LN = 1 / math.log(_SCALE.gamma)  # key = ceil(ln(value) * KEYS_PER_LN), for a database that counts keys itself

Sketch = Mapping[int, int]  # key -> how many


def key_of(value: int) -> int:
    """The key of a latency in microseconds, which is at least 1."""
    return int(_SCALE.key(value))


def merge(sketches: Iterable[Sketch]) -> dict[int, int]:
    merged: dict[int, int] = {}
    for sketch in sketches:
        for key, count in sketch.items():
            merged[key] = merged.get(key, 0) + count
    return merged


def quantiles(sketch: Sketch, shares: Iterable[float]) -> list[float | None]:
    """The latency in microseconds below which each share (0 to 1) lies; None for an empty sketch."""
    store = DenseStore()
    for key, count in sketch.items():
        store.add(key, count)
    if not store.count:
        return [None for _ in shares]
    return [float(_SCALE.value(store.key_at_rank(share * (store.count - 1)))) for share in shares]


def encode(sketch: Sketch) -> bytes:
    """The version, then steps between keys and counts as variable-length integers: 2 bytes a key or so. Nothing for none."""
    if not sketch:
        return b""
    out = bytearray([VERSION])
    before = 0
    for key in sorted(sketch):
        _write(out, key - before)
        _write(out, sketch[key])
        before = key
    return bytes(out)


def decode(stored: bytes | memoryview) -> dict[int, int]:
    """Raises ValueError for a version this code does not know."""
    data = bytes(stored)
    if not data:
        return {}
    if data[0] != VERSION:
        raise ValueError(f"a sketch of version {data[0]}: this release reads version {VERSION}")
    numbers = _read(data[1:])
    sketch: dict[int, int] = {}
    key = 0
    for step, count in zip(numbers[::2], numbers[1::2], strict=True):
        key += step
        sketch[key] = count
    return sketch


def _write(out: bytearray, number: int) -> None:
    """Seven bits a byte, the high one says that more follow. Latencies are whole microseconds, so no key is below 0."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _read(data: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    return numbers
