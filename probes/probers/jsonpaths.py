"""JSONPath (RFC 9535), the part of it whose time grows with the document only: no functions, no `..` twice, one choice a step."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.filter import BaseExpression, FilterQuery
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector, SliceSelector, WildcardSelector

from probes.outcome import TargetError

LONGEST = 200
_KNOWN = (NameSelector, IndexSelector, SliceSelector, WildcardSelector, Filter)


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        """None: match() and search() would run patterns that nobody bounds."""


_ENVIRONMENT = _Environment(strict=True)


def validate(value: Any, key: str) -> str:
    """The path under `key`; raises TargetError with what to change."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
        raise TargetError(f"{key}: give a JSONPath of 1 to {LONGEST} printable characters, for example $.status.")
    if not value.startswith("$"):
        raise TargetError(f"{key}: is not a JSONPath: it begins with $; for example $.status or $.items[?@.name == 'db'].state.")
    try:
        path = _compile(value)
    except (JSONPathError, RecursionError) as error:
        raise TargetError(f"{key}: {_why(value, error)}; for example $.status or $.items[?@.name == 'db'].state.") from None
    if sum(isinstance(segment, JSONPathRecursiveDescentSegment) for segment in path.segments) > 1:
        raise TargetError(f"{key}: uses .. more than once; name the steps in between.")
    for segment in path.segments:
        if len(segment.selectors) != 1 or not isinstance(segment.selectors[0], _KNOWN):
            raise TargetError(f"{key}: takes several things in one step; write one assertion for each.")
        selector = segment.selectors[0]
        if isinstance(selector, Filter) and not _is_plain(selector.expression):
            raise TargetError(f"{key}: a filter may look at single values only, such as ?@.name == 'db'.")
    return value


def _why(value: str, error: Exception) -> str:
    """Where reading stopped, in our words: the library's own are of its tokens."""
    place = getattr(getattr(error, "token", None), "index", -1)
    if 0 <= place < len(value) and re.match(r"[a-z_]+\(|\(", value[place:]):
        return "is not a JSONPath: it has no functions here"
    if 0 <= place < len(value):
        return f"is not a JSONPath from {value[place : place + 20]!r} on"
    return "is not a JSONPath: it breaks off, a bracket, a quote or a name is missing at its end"


def find(path: str, document: Any) -> list[Any]:
    """What a path that was validated finds, in the document's order; nothing in a document nested too deep to look into."""
    try:
        return list(_compile(path).findall(document))
    except (JSONPathError, RecursionError):
        return []


def _is_plain(expression: BaseExpression) -> bool:
    if isinstance(expression, FilterQuery) and not expression.path.singular_query():
        return False
    return all(_is_plain(one) for one in expression.children())


@lru_cache(maxsize=500)
def _compile(value: str) -> JSONPath:
    path = _ENVIRONMENT.compile(value)
    assert isinstance(path, JSONPath)  # strict has no compound paths
    return path
