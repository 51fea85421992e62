"""Probes as code: what a file may say, read into definitions or into errors that each say where, which field and what to change.

Pure but for the kinds' own rules. Whether components and vantages exist is asked in `probes.loading`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from probes import probers
from probes.film import LENGTH
from probes.yaml_lines import BadYaml, Document, Path, read

TOP = ("vantages", "defaults", "probes")
SLUG = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class Problem:
    """One thing to change in a file: the line it stands in (None: the file as a whole), and the words."""

    line: int | None
    words: str

    def told(self, name: str) -> str:
        """One line, as compilers write it."""
        return " ".join(f"{name}:{self.line}: {self.words}".split() if self.line else f"{name}: {self.words}".split())


@dataclass(frozen=True)
class VantageDefinition:
    name: str
    label: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class ProbeDefinition:
    """The fields of models.Probe, its component by code, and the names of the vantages it runs at."""

    code: str
    component: str
    kind: str
    spec: Mapping[str, Any]
    vantages: tuple[str, ...]
    interval: int = 60
    timeout: float = 10.0
    failure_threshold: int = 2
    window: int = 3
    success_threshold: int = 3
    quorum: int = 2
    weight: int = 100
    enabled: bool = True


DEFAULTS: Mapping[str, Any] = {
    one.name: one.default for one in fields(ProbeDefinition) if one.name not in {"code", "component", "kind", "spec", "vantages"}
}


@dataclass(frozen=True)
class File:
    """What a file says. `vantages` is None where it does not speak of them. `lines`: of each probe, by code and field."""

    probes: tuple[ProbeDefinition, ...]
    vantages: tuple[VantageDefinition, ...] | None = None
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)


class _Wrong(ValueError):
    """A field's value; the message says what to give instead."""


# --- Fields ----------------------------------------------------------------------------------------


def _slug(longest: int) -> Callable[[Any], str]:
    def read_slug(value: Any) -> str:
        if not isinstance(value, str) or not SLUG.fullmatch(value) or len(value) > longest:
            raise _Wrong(f"give 1 to {longest} letters, digits, - or _.")
        return value

    return read_slug


def _whole(low: int, high: int, what: str = "a whole number") -> Callable[[Any], int]:
    def read_whole(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Wrong(f"give {what} from {low} to {high}.")
        return value

    return read_whole


def _timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.1 <= value <= 60:
        raise _Wrong("give seconds from 0.1 to 60.")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("give true or false.")
    return value


def _label(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 80:
        raise _Wrong("give a text of at most 80 characters.")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in probers.PROBERS:
        raise _Wrong(f"give one of {', '.join(probers.PROBERS)}.")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and SLUG.fullmatch(one) for one in value):
        raise _Wrong("give a list of vantages' names, for example [nairobi]; [] for nowhere.")
    if len(set(value)) < len(value):
        raise _Wrong("a vantage is named twice: keep one.")
    return tuple(value)


def _spec(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong("give a mapping with the keys of this kind.")
    return value


_PROBE: Mapping[str, Callable[[Any], Any]] = {
    "code": _slug(60),
    "component": _slug(60),
    "kind": _kind,
    "interval": _whole(1, 86400, "whole seconds"),
    "timeout": _timeout,
    "failure_threshold": _whole(1, LENGTH),
    "window": _whole(1, LENGTH),
    "success_threshold": _whole(1, LENGTH),
    "quorum": _whole(1, 100),
    "weight": _whole(0, 100, "whole percent"),
    "enabled": _truth,
    "vantages": _names,
    "spec": _spec,
}
_REQUIRED = {
    "code": "give it a short name of its own",
    "component": "give the code of the service it watches",
    "kind": f"give one of {', '.join(probers.PROBERS)}",
    "vantages": "list where it runs, for example [nairobi]; [] for nowhere",
    "spec": "add what this kind needs",
}
_VANTAGE: Mapping[str, Callable[[Any], Any]] = {"name": _slug(40), "label": _label, "enabled": _truth}
_DEFAULTED = tuple(name for name in _PROBE if name not in {"code", "spec"})


# --- A file ----------------------------------------------------------------------------------------


def parse(text: str) -> tuple[File | None, list[Problem]]:
    """The file, or None and every problem that could be found."""
    try:
        document = read(text)
    except BadYaml as error:
        return None, [Problem(error.line, str(error))]
    problems: list[Problem] = []
    found = _Reader(document, problems).file()
    return (None, problems) if problems else (found, [])


class _Reader:
    """Reads one document; what is wrong goes to `problems`, and reading goes on where it can."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.lines: dict[tuple[str, str], int] = {}

    def say(self, path: Path, words: str) -> None:
        self.problems.append(Problem(self.document.line_of(path), words))

    def file(self) -> File:
        top = self.document.value
        if not isinstance(top, dict) or "probes" not in top:
            self.say((), "probes is missing: begin with a line `probes:` and list them below it.")
            return File(())
        self._only(top, (), TOP, "the file")
        defaults = self._defaults(top.get("defaults", {}))
        vantages = None
        if "vantages" in top:
            vantages = tuple(self._vantages(top["vantages"]))
            self._no_twins(("vantages",), [one.name for one in vantages], "vantage")
        probes = tuple(self._probes(top["probes"], defaults))
        return File(probes, vantages, self.lines)

    def _only(self, value: Mapping[str, Any], path: Path, allowed: tuple[str, ...], whose: str) -> None:
        for key in value:
            if key not in allowed:
                self.say((*path, key), f"{whose}: {key[:40]!r} is not a field: use {', '.join(allowed)}.")

    def _fields(
        self, value: Mapping[str, Any], path: Path, rules: Mapping[str, Callable[[Any], Any]], whose: str
    ) -> dict[str, Any]:
        """The fields that are as they should be."""
        self._only(value, path, tuple(rules), whose)
        found = {}
        for name, rule in rules.items():
            if name in value:
                try:
                    found[name] = rule(value[name])
                except _Wrong as wrong:
                    self.say((*path, name), f"{whose}: {name}: {wrong}")
        return found

    def _listed(self, value: Any, name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        if not isinstance(value, list):
            self.say((name,), f"{name}: give a list, each entry after a dash.")
            return
        for place, entry in enumerate(value):
            if isinstance(entry, dict):
                yield (name, place), entry
            else:
                self.say((name, place), f"{name}: entry {place + 1}: give a mapping of its fields.")

    def _defaults(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.say(("defaults",), "defaults: give a mapping of a probe's fields.")
            return {}
        rules = {name: _PROBE[name] for name in _DEFAULTED}
        return self._fields(value, ("defaults",), rules, "defaults")

    def _vantages(self, value: Any) -> Iterator[VantageDefinition]:
        for path, entry in self._listed(value, "vantages"):
            whose = f"vantage {_shown(entry.get('name'), path)}"
            found = self._fields(entry, path, _VANTAGE, whose)
            if "name" in found:
                yield VantageDefinition(**found)
            elif "name" not in entry:
                self.say(path, f"{whose}: name is missing: give the name its agent goes by.")

    def _probes(self, value: Any, defaults: Mapping[str, Any]) -> Iterator[ProbeDefinition]:
        codes: list[str] = []
        for path, entry in self._listed(value, "probes"):
            whose = f"probe {_shown(entry.get('code'), path)}"
            before = len(self.problems)
            given = self._fields(entry, path, _PROBE, whose)
            found = {**defaults, **given}
            is_pushed = found.get("kind") in probers.PASSIVE
            if is_pushed:
                found["vantages"] = ()
            if is_pushed and entry.get("vantages"):
                self.say((*path, "vantages"), f"{whose}: vantages: others push to it, so it runs nowhere: leave them out.")
            for name, cure in _REQUIRED.items():
                if name not in entry and name not in found:
                    self.say(path, f"{whose}: {name} is missing: {cure}.")
            self._thresholds(entry, given, found, path, whose)
            if "kind" in found and "spec" in found:
                self._spec_of(found, path, whose)
            codes.append(str(found.get("code", "")))
            if found.get("code") and found["code"] in codes[:-1]:
                self.say((*path, "code"), f"{whose}: code: another probe has it already: give each its own.")
            if len(self.problems) == before and "code" in found:
                self.lines.update({(found["code"], name): self.document.line_of((*path, name)) for name in _PROBE})
                yield ProbeDefinition(**found)

    def _thresholds(
        self, entry: Mapping[str, Any], given: Mapping[str, Any], found: Mapping[str, Any], path: Path, whose: str
    ) -> None:
        if {"failure_threshold", "window"} & (set(entry) - set(given)):
            return  # it has been told
        failures = found.get("failure_threshold", DEFAULTS["failure_threshold"])
        window = found.get("window", DEFAULTS["window"])
        if failures > window:
            at = "failure_threshold" if "failure_threshold" in entry else "window"
            words = f"{failures} bad outcomes of the last {window} never come: give {window} at most, or a longer window."
            self.say((*path, at), f"{whose}: failure_threshold: {words}")

    def _spec_of(self, found: Mapping[str, Any], path: Path, whose: str) -> None:
        told: set[Path] = set()
        for error in probers.problems(found["kind"], found["spec"]):
            words = error.removeprefix("spec: ").removeprefix("the spec ")
            place = _place_in(words)
            if place not in told:  # what else is said of it follows from the first
                self.say((*path, "spec", *place), f"{whose}: spec: {words}")
            told.add(place)

    def _no_twins(self, path: Path, names: list[str], what: str) -> None:
        for place, name in enumerate(names):
            if name in names[:place]:
                self.say((*path, place), f"{what} {name}: name: another {what} has it already: give each its own.")


def _shown(name: Any, path: Path) -> str:
    """How an entry is called in an error: by its name, else by its place."""
    return name if isinstance(name, str) and SLUG.fullmatch(name) else f"number {int(path[-1]) + 1}"


def _place_in(words: str) -> Path:
    """The path in a spec that a kind's error begins with: `headers.Accept: …`, `steps, number 2: path: …`, `'odd' is not …`."""
    path: list[str | int] = []
    for part in words.split(": "):
        begins = re.match(r"'?([\w$-]+(?:\.[\w$-]+)*)(?:, number (\d+))?", part)
        if begins is None or (path and begins[0] != part):
            break
        path += begins[1].split(".")
        if begins[2]:
            path.append(int(begins[2]) - 1)
    return tuple(path)
