"""Probes as code in rows: a file becomes the probes, schedules and vantages it names, in one transaction; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import yaml
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from incidents.models import Component
from probes import pushes, scheduling
from probes.definitions import DEFAULTS, File, ProbeDefinition, Problem, VantageDefinition
from probes.masking import mask
from probes.models import Probe, ProbeSchedule, Vantage
from probes.probers import PASSIVE

SPREAD_OVER = 60  # seconds in which new probes begin, so that a long file is no flood
_FIELDS = ("kind", "spec", *DEFAULTS)
_HEAD = "# Probes as `manage.py load_probes` reads them. Secrets are names; what is left out has its default.\n"


class Prune(StrEnum):
    """What becomes of probes and vantages that a file does not name."""

    DISABLE = "disable"
    REMOVE = "remove"


@dataclass(frozen=True)
class Change:
    """One difference between a file and the rows. `sign`: + new, ~ changed, - not in the file."""

    sign: str
    words: str

    def __str__(self) -> str:
        return f"{self.sign} {self.words}"


class NotLoaded(Exception):
    """The file names what does not exist; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def load(
    *,
    file: File,
    now: datetime,
    prune: Prune | None = None,
    dry_run: bool = False,
    actor: User | None = None,
    by: str = "load_probes",
) -> list[Change]:
    """Make the rows what the file says; answers what that changed. Doing it twice changes nothing.

    `dry_run` does the same and takes it back. Raises NotLoaded.
    """
    with transaction.atomic():
        problems = _unknown(file)
        if problems:
            raise NotLoaded(problems)
        changes = [change for one in file.vantages or () for change in _vantage(one)]
        for definition in file.probes:
            changes += _probe(definition, now)
        if prune:
            changes += _prune(file, prune)
        if dry_run:
            transaction.set_rollback(True)
        elif changes:
            lines = [str(change) for change in changes]
            audit.log(act="probes.load", now=now, actor=actor, actor_name=by, details={"changes": lines[:500]})
    return changes


def _unknown(file: File) -> list[Problem]:
    """Components and vantages that the file names and nobody has entered."""
    components = set(Component.objects.values_list("code", flat=True))
    vantages = {one.name for one in file.vantages or ()} | set(Vantage.objects.values_list("name", flat=True))
    problems = []
    for probe in file.probes:
        if probe.component not in components:
            words = f"component: there is no service {probe.component!r}: {_use(components, 'enter it at the desk first')}."
            problems.append(Problem(file.lines.get((probe.code, "component")), f"probe {probe.code}: {words}"))
        for name in probe.vantages:
            if name not in vantages:
                words = f"vantages: there is no vantage {name!r}: {_use(vantages, 'add it under vantages')}."
                problems.append(Problem(file.lines.get((probe.code, "vantages")), f"probe {probe.code}: {words}"))
    return problems


def _use(known: set[str], otherwise: str) -> str:
    return f"use {', '.join(sorted(known)[:20])}, or {otherwise}" if known else otherwise


# --- Vantages --------------------------------------------------------------------------------------


def _vantage(one: VantageDefinition) -> list[Change]:
    row = Vantage.objects.filter(name=one.name).first()
    if row is None:
        Vantage.objects.create(**asdict(one))
        return [Change("+", f"vantage {one.name}")]
    return _take_over(row, {"label": one.label, "enabled": one.enabled}, f"vantage {one.name}")


def _take_over(row: Vantage | Probe, wanted: Mapping[str, Any], whose: str) -> list[Change]:
    """Save the fields that differ; a line for each, of a spec for each key."""
    differing = {name: value for name, value in wanted.items() if not _is_same(getattr(row, name), value)}
    changes = []
    for name, value in differing.items():
        before = getattr(row, name)
        if isinstance(value, dict) and isinstance(before, dict):
            changes += [Change("~", f"{whose}: {name}.{line}") for line in _differences(before, value)]
        else:
            changes.append(Change("~", f"{whose}: {name} {_word(before)} -> {_word(value)}"))
        setattr(row, name, value)
    if differing:
        row.save(update_fields=list(differing))
    return changes


def _is_same(before: Any, after: Any) -> bool:
    """As JSON: there true is not 1."""
    if isinstance(after, Component):
        return bool(before == after)
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], under: str = "") -> list[str]:
    lines = []
    for key in [*before, *(key for key in after if key not in before)]:
        old, new, place = before.get(key), after.get(key), f"{under}{key}"
        if _is_same(old, new) and (key in before) == (key in after):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            lines += _differences(old, new, f"{place}.")
        else:
            was = _word(old) if key in before else "(none)"
            lines.append(f"{place} {was} -> {_word(new) if key in after else '(none)'}")
    return lines


def _word(value: Any) -> str:
    words = mask(str(value) if isinstance(value, Component) else json.dumps(value, ensure_ascii=False))
    return words if len(words) <= 120 else f"{words[:117]}..."


# --- Probes ----------------------------------------------------------------------------------------


def _probe(one: ProbeDefinition, now: datetime) -> list[Change]:
    component = Component.objects.get(code=one.component)
    wanted: dict[str, Any] = {"component": component, **{name: getattr(one, name) for name in _FIELDS}}
    probe = Probe.objects.select_for_update().filter(code=one.code).first()
    if probe is None:
        probe = Probe.objects.create(code=one.code, **wanted)
        _run_at(probe, one.vantages, now)
        return [Change("+", f"probe {one.code}: {one.kind} for {one.component}, {_when_and_where(one)}")]
    changes, changed = [], {name for name, value in wanted.items() if not _is_same(getattr(probe, name), value)}
    if "component" in changed:
        changes.append(Change("~", f"probe {one.code}: component {probe.component.code} -> {component.code}"))
        probe.component = component
        probe.save(update_fields=["component"])
    changes += _take_over(probe, {name: value for name, value in wanted.items() if name != "component"}, f"probe {one.code}")
    begun, ended = _run_at(probe, one.vantages, now)
    changes += [Change("~", f"probe {one.code}: runs at {name}") for name in begun]
    changes += [Change("~", f"probe {one.code}: no longer runs at {name}") for name in ended]
    if changed & scheduling.MEANING:
        scheduling.reset(probe=probe, now=int(now.timestamp()))
    return changes


def _when_and_where(one: ProbeDefinition) -> str:
    if one.kind not in PASSIVE:
        return f"every {one.interval} s, at {', '.join(one.vantages) or 'nowhere'}"
    if "cron" in one.spec:
        return f"pushed to us, expected at {one.spec['cron']} ({one.spec.get('time_zone') or 'UTC'})"
    return f"pushed to us, expected every {one.interval} s"


def _run_at(probe: Probe, names: Sequence[str], now: datetime) -> tuple[list[str], list[str]]:
    """Its schedules as they should be; answers where it begins to run, and where it ends. What is pushed to us runs nowhere."""
    if probe.kind in PASSIVE:
        pushes.watch(probe)
        names = ()
    kept = ProbeSchedule.objects.filter(probe=probe, vantage__is_passive=False).select_related("vantage")
    rows = {row.vantage.name: row for row in kept}
    begun = []
    for vantage in Vantage.objects.filter(name__in=names):
        row = rows.get(vantage.name)
        if row is None or not row.enabled or row.interval != probe.interval:
            _begin(probe, vantage, now, is_new=row is None)
        if row is None or not row.enabled:
            begun.append(vantage.name)
    ended = sorted(name for name, row in rows.items() if row.enabled and name not in names)
    ProbeSchedule.objects.filter(pk__in=[rows[name].pk for name in ended]).update(enabled=False)
    return begun, ended


def _begin(probe: Probe, vantage: Vantage, now: datetime, *, is_new: bool) -> None:
    row = scheduling.schedule(probe=probe, vantage=vantage)
    if is_new:
        row.next_slot = int(now.timestamp()) + 1 + row.phase % SPREAD_OVER
        row.save(update_fields=["next_slot"])


def _prune(file: File, prune: Prune) -> list[Change]:
    changes = []
    for probe in Probe.objects.exclude(code__in=[one.code for one in file.probes]).order_by("code"):
        if prune is Prune.REMOVE:
            changes.append(Change("-", f"probe {probe.code}: removed, with its outcomes"))
            probe.delete()
        elif probe.enabled:
            changes.append(Change("-", f"probe {probe.code}: switched off"))
            Probe.objects.filter(pk=probe.pk).update(enabled=False)
    if file.vantages is not None:
        named = [one.name for one in file.vantages]
        for vantage in Vantage.objects.filter(enabled=True, is_passive=False).exclude(name__in=named).order_by("name"):
            changes.append(Change("-", f"vantage {vantage.name}: switched off"))
            Vantage.objects.filter(pk=vantage.pk).update(enabled=False)
    return changes


# --- And back --------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # lists stand below their key, indented


def export() -> str:
    """Every vantage and probe as a file that `load` takes without a change."""
    vantages = [
        _without({"name": one.name, "label": one.label, "enabled": one.enabled})
        for one in Vantage.objects.filter(is_passive=False)
    ]
    probes = [_entry(probe) for probe in Probe.objects.select_related("component").prefetch_related("schedules__vantage")]
    return _HEAD + as_yaml({"vantages": vantages, "probes": probes})


def as_yaml(value: Any) -> str:
    """Plain values as text that probes.yaml_lines reads back as they were."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def _without(vantage: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in vantage.items() if (name, value) not in {("label", ""), ("enabled", True)}}


def _entry(probe: Probe) -> dict[str, Any]:
    told = {name: getattr(probe, name) for name in DEFAULTS}
    kept = {name: value for name, value in told.items() if name in ("interval", "timeout") or value != DEFAULTS[name]}
    return {
        "code": probe.code,
        "component": probe.component.code,
        "kind": probe.kind,
        **kept,
        "vantages": sorted(row.vantage.name for row in probe.schedules.all() if row.enabled and not row.vantage.is_passive),
        "spec": probe.spec,
    }
