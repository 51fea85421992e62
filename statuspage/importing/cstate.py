"""Pure: a cState site: config.yml with its systems, and content/issues/*.md with what happened.

Times without a zone are UTC, as cState asks for. {{< track "…" >}} behind a paragraph is that paragraph's time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from statuspage.importing.found import Found, NotThatFormat, Past, Service, ToCome, Word, moment_of, text_of

STATES = {"disrupted": "partial_outage", "down": "major_outage"}
# Written so that no text makes them slow: each looks at a character a bounded number of times.
_FRONT = re.compile(r"\A---[ \t\r]*\n(?P<front>.*?)\n---[ \t\r]*(?:\n(?P<body>.*))?\Z", re.DOTALL)
_TRACK = re.compile(r"\{\{<[ \t]*track[ \t]+\"(?P<at>[^\"{}]{1,60})\"[ \t]*>\}\}")
_SHORTCODE = re.compile(r"\{\{<[^{}]*>\}\}")


class _Plain(yaml.SafeLoader):
    """Without references: a few lines of them are a text of any size."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("no references")
        return super().compose_node(parent, index)


def read(config: str, issues: Mapping[str, str], *, now: datetime) -> Found:
    """`issues`: {file name: its text}. Raises NotThatFormat with the file's name."""
    site = _yaml(config, "config.yml")
    systems = (site.get("params") or {}).get("systems")
    if not isinstance(systems, list):
        raise NotThatFormat("config.yml has no list params.systems: is it cState's?")
    services = tuple(
        Service(text_of(one, "name"), text_of(one, "name"), text_of(one, "description"), text_of(one, "category"))
        for one in systems
    )
    past: list[Past] = []
    to_come: list[ToCome] = []
    left: list[str] = []
    for name, text in sorted(issues.items()):
        try:
            taken = _issue(name, text, {one.external_id for one in services}, now)
        except NotThatFormat as error:
            raise NotThatFormat(f"{name}: {error}") from None
        if isinstance(taken, Past):
            past.append(taken)
        elif isinstance(taken, ToCome):
            to_come.append(taken)
        elif taken:
            left.append(f"{name}: {taken}")
    return Found("cstate", text_of(site, "title") or "cState", services, tuple(past), tuple(to_come), (), tuple(left))


def _issue(name: str, text: str, known: set[str], now: datetime) -> Past | ToCome | str:
    parts = _FRONT.match(text)
    if parts is None:
        raise NotThatFormat("there is no front matter between lines of ---.")
    front = _yaml(parts["front"], name)
    if front.get("section") != "issue":
        return "" if name.startswith("_") else "it is no issue"
    started, severity = moment_of(front.get("date")), text_of(front, "severity")
    affected = [str(one) for one in front.get("affected") or [] if str(one) in known]
    body = (parts["body"] or "").strip()
    if severity == "notice" and started > now and not front.get("resolved"):
        return "planned work without an end there: plan it here by hand"
    if not front.get("resolved") or not front.get("resolvedWhen"):
        return "it is not over there, or nobody wrote when; say it here by hand"
    ended = moment_of(front["resolvedWhen"])
    if ended <= started:
        return "it was over before it began"
    state = STATES.get(severity, "operational")
    return Past(name, text_of(front, "title"), started, ended, _words(body, started), dict.fromkeys(affected, state))


def _words(body: str, started: datetime) -> tuple[Word, ...]:
    """Each paragraph by the time behind it, oldest first; one without a time belongs to the start."""
    found = []
    for paragraph in re.split(r"\n\s*\n", body):
        track = _TRACK.search(paragraph)
        text = _SHORTCODE.sub("", paragraph).strip()
        if text:
            found.append(Word(moment_of(track["at"]) if track else started, "", text))
    return tuple(sorted(found, key=lambda word: word.at))


def _yaml(text: str, where: str) -> dict[str, Any]:
    try:
        loader = _Plain(text)
        try:
            value = loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotThatFormat(f"{where} is no YAML.") from None
    if not isinstance(value, dict):
        raise NotThatFormat(f"{where} holds no keys.")
    return value
