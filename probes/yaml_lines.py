"""YAML as plain values, with the line of each: so that an error can say where. Pure.

Nothing is constructed from tags. Only true and false are truth values, and only plain digits are numbers: `no`, `on`, `012`,
`12:30` and dates stay the text they look like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

LONGEST_TEXT = 2_000_000  # characters
_KINDS = {"str": "text", "int": "number", "float": "number", "bool": "truth value", "null": "nothing"}
_RULES = {
    "bool": re.compile(r"true|false"),
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})"),
    "float": re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"),
    "null": re.compile(r"~|null|"),
}
QUOTE = 'a value that begins with *, { or [, or holds {{, needs quotes, as in cron: "*/5 * * * *" or path: "{{id}}"'
_CURES = (
    ("\\t", "indent with spaces, not with tabs"),
    ("expected a single document", "keep one document: take out the second ---"),
    ("undefined alias", "write the value out"),
    ("expected alphabetic or numeric character", QUOTE),
    ("cannot start any token", QUOTE),
    ("mapping values are not allowed", "put the text with its colon into quotes, or mend the indentation"),
)


class BadYaml(ValueError):
    """The text cannot be read. `line` is where (None where it is not known); the message says what to change."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """`value`: lists, mappings with text keys, texts, numbers, truth values and None. `lines`: the line of each path in it."""

    value: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """Of the path, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """SafeLoader with fewer surprises; used to compose nodes only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _name, _rule in _RULES.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_rule.pattern})\\Z"), None)


def read(text: str) -> Document:
    """Raises BadYaml."""
    if len(text) > LONGEST_TEXT:
        raise BadYaml(f"the file is longer than {LONGEST_TEXT} characters: split it.")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _unreadable(error, text) from None
    except RecursionError:
        raise BadYaml("lists or mappings are nested too deeply: write it flatter.") from None
    lines: dict[Path, int] = {}
    return Document(None if node is None else _plain(node, (), lines, set()), lines)


def _unreadable(error: yaml.YAMLError, text: str) -> BadYaml:
    problem = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is broken").split())
    mark = getattr(error, "problem_mark", None)
    context = str(getattr(error, "context", None) or "")
    cure = next((cure for sign, cure in _CURES if sign in problem or sign in context), "mend the indentation, quotes or brackets")
    if mark and _is_unquoted(text.splitlines()[mark.line : mark.line + 1]):
        cure = QUOTE
    return BadYaml(f"this is not YAML ({problem[:120]}): {cure}.", mark.line + 1 if mark else None)


def _is_unquoted(lines: list[str]) -> bool:
    """Whether the line has a value that YAML takes for the beginning of a list or a mapping, though it goes on as a text."""
    return any(re.search(r"(?:^|[:,{-])\s*(?:\{\{|\[[^\]]*\]\s*[^\s,}\]#])|[^\"']\w \{\{", line) for line in lines)


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in seen:
        raise BadYaml("anchors and aliases (&, *) are not read: write the value out, or put it under defaults.", line)
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, seen)
    if isinstance(node, yaml.SequenceNode):
        _refuse_tag(node, "seq")
        return [_plain(child, (*path, place), lines, seen) for place, child in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int], seen: set[int]) -> dict[str, Any]:
    _refuse_tag(node, "map")
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = _scalar(key_node), key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise BadYaml(f"the key {str(key)[:40]!r} is not a text: put it into quotes.", line)
        if key in found:
            raise BadYaml(f"{key[:40]!r} is given twice: keep one.", line)
        lines[*path, key] = line
        found[key] = _plain(value_node, (*path, key), lines, seen)
    return found


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        raise BadYaml(
            "a list or a mapping is used as a key: give a text, or quotes around a value that begins with {{.",
            node.start_mark.line + 1,
        )
    value, kind = str(node.value), node.tag.rpartition(":")[2]
    if not node.tag.startswith("tag:yaml.org,2002:") or kind not in _KINDS:
        _refuse_tag(node, "str")
    rule = _RULES.get(kind)
    if rule is not None and not rule.fullmatch(value):
        raise BadYaml(f"{value[:40]!r} is not what its tag says: take the tag out.", node.start_mark.line + 1)
    if kind == "bool":
        return value == "true"
    if kind == "null":
        return None
    return {"int": int, "float": float}.get(kind, str)(value)


def _refuse_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{kind}":
        raise BadYaml(f"the tag {node.tag[:60]} is not read: take it out.", node.start_mark.line + 1)
