"""Words of a failure as staff may read them: without secrets and without numbers that could be a person's. Pure.

Agents mask what they send; this is the second lock, for agents of another age and for words that nobody foresaw.
"""

from __future__ import annotations

import re

_NAMES = r"[\w-]*(?:password|passkey|passwd|secret|token|api[_-]?key|signature|authorization)"
_RULES = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [secret]"),
    # After “no token:” stand our own words for why there is none.
    (re.compile(rf"""(?i)(?<!\bno )\b({_NAMES})\b(["']?\s*[:=]\s*["']?)[^\s,;&}}"']+"""), r"\1\2[secret]"),
    (re.compile(r"(?i)//[^/\s:@]+:[^/\s@]+@"), "//[secret]@"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "[address]"),
    (re.compile(r"(?<![\w.])\+?\d(?:[ -]?\d){8,}(?![\w])"), "[number]"),
    (re.compile(r"\d{9,}"), "[number]"),
    (re.compile(r"\b(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{28,}={0,2}"), "[secret]"),
)  # fmt: skip


def mask(words: str) -> str:
    """One line of words with what must not be kept taken out."""
    line = " ".join(words.split())
    for pattern, instead in _RULES:
        line = pattern.sub(instead, line)
    return line
