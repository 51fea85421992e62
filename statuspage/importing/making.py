"""What an import makes here: first told, then made, each thing once. Words become drafts; people sign them as all words.

A text has one language there. In the others it stands behind the name of that language, so nobody takes it for a translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, components, drafts, planned_work
from incidents.drafts import TimelineError
from incidents.languages import codes, in_all
from incidents.models import Component, ComponentGroup
from probes.models import Probe
from statuspage.importing.found import Asked, Found, NotThatFormat, Past, Service, ToCome, code_of
from statuspage.models import Imported

ANYTHING_ELSE = "Imported"
LONGEST = 50_000  # characters of all words of one incident
LONGEST_ID, LONGEST_SOURCE = 200, 120
DRAFTED = ("incident", "plan")
FROM = {"en": "Imported from {page}, where it was published then.", "sw": "Imeingizwa kutoka {page}, ilipochapishwa wakati huo."}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing: `does` is its word; `make` makes it and answers its target."""

    does: str
    kind: str
    external_id: str
    name: str
    make: Callable[[], str]


class Importing:
    """One run over what was found, in one language, in a person's name."""

    def __init__(self, found: Found, *, language: str, author: User, now: datetime) -> None:
        if len(found.source) > LONGEST_SOURCE:
            raise NotThatFormat("The id of the page is too long.")
        self.found, self.language, self.author, self.now = found, language, author, now
        rows = Imported.objects.filter(source=found.source)
        self.known = {(row.kind, row.external_id): row.target for row in rows}

    def run(self, *, dry: bool) -> list[str]:
        """Lines that tell each step; with `dry` nothing is kept. All of it is made, or nothing."""
        with transaction.atomic():
            lines = [self._do(step) for step in self._steps()]
            if not dry and any(line.startswith("+") for line in lines):
                made = sum(line.startswith("+") for line in lines)
                details = {"source": self.found.source, "made": made}
                audit.log(act="page.import", actor=None, actor_name="import", now=self.now, details=details)
            transaction.set_rollback(dry)
        return [*lines, *(f"- {line}" for line in self.found.left)]

    def _steps(self) -> Iterable[Step]:
        """Each looked at when the ones before it are made."""
        for service in self.found.services:
            yield Step("service", "service", service.external_id, service.name, partial(self._service, service))
        for asked in self.found.asked:
            yield Step("probe", "probe", asked.external_id, f"{asked.kind} {asked.service}", partial(self._probe, asked))
        for past in sorted(self.found.past, key=lambda one: one.started_at):
            yield Step("incident", "incident", past.external_id, past.name, partial(self._past, past))
        for planned in self.found.to_come:
            yield Step("planned work", "plan", planned.external_id, planned.name, partial(self._planned, planned))

    def _do(self, step: Step) -> str:
        target = self.known.get((step.kind, step.external_id))
        if target:
            return f"= {step.does} “{step.name}” is {target}"
        if not 0 < len(step.external_id) <= LONGEST_ID:
            raise NotThatFormat(f"The {step.does} “{step.name[:60]}” has no id, or one of more than {LONGEST_ID} characters.")
        try:
            target = step.make()
        except TimelineError as error:
            raise TimelineError(f"The {step.does} “{step.name[:60]}”: {error}") from error
        Imported.objects.create(
            source=self.found.source, kind=step.kind, external_id=step.external_id, target=target, at=self.now
        )
        self.known[step.kind, step.external_id] = target
        becomes = "a draft" if step.kind in DRAFTED else target
        return f"+ {step.does} “{step.name}” becomes {becomes}"

    # --- Make ------------------------------------------------------------------------------------

    def _service(self, service: Service) -> str:
        """A service of the same code stands for it, if there is one; two of theirs are never one of ours."""
        if not service.name:
            raise NotThatFormat(f"The service {service.external_id[:40]!r} has no name.")
        stood_for = {target for (kind, _), target in self.known.items() if kind == "service"}
        code = code_of(service.name)
        numbered = (f"{code[:56]}-{number}" for number in range(2, 1000))
        while code in stood_for:
            code = next(numbered)
        if Component.objects.filter(code=code).exists():
            return code
        components.add(
            code=code,
            group=self._group(service.group or ANYTHING_ELSE),
            name=self._said(service.name, 190),
            description=self._said(service.description),
            position=min(Component.objects.count() + 1, 32000),
            actor=None,
            now=self.now,
        )
        return code

    def _group(self, name: str) -> ComponentGroup:
        code = code_of(name)
        group, made = ComponentGroup.objects.get_or_create(code=code, defaults={"name": in_all(self._said(name, 190))})
        if made:
            audit.log(act="componentgroup.add", actor=None, actor_name="import", now=self.now, target=code)
        return group

    def _probe(self, asked: Asked) -> str:
        code = code_of(f"{self.found.source}-{asked.external_id}")
        component = Component.objects.get(code=self.known["service", asked.service])
        defaults = {
            "component": component, "kind": asked.kind, "spec": dict(asked.spec),
            "interval": min(asked.interval, 86400), "enabled": False,
        }  # fmt: skip
        _, made = Probe.objects.get_or_create(code=code, defaults=defaults)
        if made:
            audit.log(act="probe.add", actor=None, actor_name="import", now=self.now, target=code)
        return code

    def _past(self, past: Past) -> str:
        words = [f"{word.at:%Y-%m-%d %H:%M} UTC{f', {word.phase}' if word.phase else ''}: {word.text}" for word in past.words]
        body = self._said("\n\n".join(words))
        if max(map(len, body.values())) > LONGEST:
            raise NotThatFormat(f"The incident {past.name[:60]!r} has more than {LONGEST} characters: take it out of the file.")
        update = drafts.open_backfill(
            name=self._said(past.name, 190),
            body={code: "\n\n".join(filter(None, (text, self._from(code)))) for code, text in body.items()},
            affected=self._states(past),
            started_at=past.started_at,
            ended_at=past.ended_at,
            author=self.author,
            now=self.now,
        )
        return update.incident.public_id

    def _states(self, past: Past) -> dict[Component, str]:
        wanted = {
            self.known["service", number]: state for number, state in past.states.items() if ("service", number) in self.known
        }
        return {component: wanted[component.code] for component in Component.objects.filter(code__in=wanted)}

    def _planned(self, planned: ToCome) -> str:
        named = {self.known["service", number] for number in planned.services if ("service", number) in self.known}
        update = planned_work.plan(
            name=self._said(planned.name, 190),
            body=self._said(planned.text),
            starts_at=planned.starts_at,
            ends_at=planned.ends_at,
            expected=dict.fromkeys(Component.objects.filter(code__in=named), ""),
            author=self.author,
            now=self.now,
        )
        return update.maintenance.public_id

    def _said(self, text: str, most: int = 0) -> dict[str, str]:
        """The text in its language; in each other it is marked with that language's name."""
        text = text[:most] if most else text
        named: dict[str, Any] = dict(settings.LANGUAGES)
        mark = named[self.language]
        return {code: text if code == self.language or not text else f"({mark}) {text}" for code in codes()}

    def _from(self, code: str) -> str:
        return FROM.get(code, FROM["en"]).format(page=self.found.page)
