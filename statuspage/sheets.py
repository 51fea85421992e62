"""Pure: of a style sheet, the rules that one page has a use for. A slow line carries no rule of another page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

# In the page's own text, the script that it carries included: class="c k", className = 'was'.
_CLASSES = re.compile(r"""class(?:="|Name = ')([^"']*)""")
_ELEMENTS = re.compile("<([a-z][a-z0-9]*)")
_BLOCK = re.compile(r"\s*(?:(@[^{}]*)\{((?:[^{}]*\{[^{}]*\})+)\s*\}|([^{}]+)(\{[^{}]*\}))")  # rules within @…, or one rule
_RULE = re.compile(r"([^{}]+)(\{[^{}]*\})")
_NAME = re.compile(r"\.([\w-]+)|(?<![\w.-])([a-z][a-z0-9]*)")
_CONDITIONS = re.compile(r":not\([^)]*\)|::?[\w-]+(?:\([^)]*\))?|\[[^]]*\]|#[\w-]+")


@dataclass(frozen=True)
class _Rule:
    within: str  # "@media(…)", or nothing
    selectors: tuple[tuple[str, frozenset[str]], ...]  # each with the names without which it matches nothing: ".c", "p"
    body: str


def trimmed(sheet: str, html: str) -> str:
    """`sheet` without the selectors whose classes or elements are nowhere in `html`. It never adds, and keeps the order."""
    return _of_names(sheet, frozenset(_names(html)) & _known(sheet))


def _names(html: str) -> Iterable[str]:
    """Of its classes (".c") and elements ("p")."""
    for found in set(_CLASSES.findall(html)):
        yield from (f".{name}" for name in found.split())
    yield from set(_ELEMENTS.findall(html))


@cache
def _known(sheet: str) -> frozenset[str]:
    return frozenset(name for rule in _rules(sheet) for _, needed in rule.selectors for name in needed)


@lru_cache(maxsize=500)  # thousands of pages have a few sets of names
def _of_names(sheet: str, names: frozenset[str]) -> str:
    lines: list[str] = []
    within = ""
    for rule in _rules(sheet):
        kept = ",".join(selector for selector, needed in rule.selectors if needed <= names)
        if not kept:
            continue
        if rule.within == within != "":
            lines[-1] = f"{lines[-1][:-1]}{kept}{rule.body}}}"
        else:
            lines.append(f"{rule.within}{{{kept}{rule.body}}}" if rule.within else f"{kept}{rule.body}")
        within = rule.within
    return "\n".join(lines)


@cache
def _rules(sheet: str) -> tuple[_Rule, ...]:
    found: list[_Rule] = []
    at = 0
    while sheet[at:].strip():
        block = _BLOCK.match(sheet, at)
        if block is None:
            raise ValueError(f"This is no rule of a style sheet: {sheet[at : at + 80].strip()!r}.")
        within, rules, selectors, body = block.groups()
        found += [_rule(*rule, within=within) for rule in _RULE.findall(rules)] if within else [_rule(selectors, body)]
        at = block.end()
    return tuple(found)


def _rule(selectors: str, body: str, *, within: str = "") -> _Rule:
    return _Rule(within, tuple((one, _needed(one)) for one in selectors.strip().split(",")), body)


def _needed(selector: str) -> frozenset[str]:
    if selector.startswith("@"):
        return frozenset()  # @page
    plain = _CONDITIONS.sub(" ", selector)
    return frozenset(f".{name}" if name else element for name, element in _NAME.findall(plain))
