"""`manage.py publish_notice <component> <notice>`: the way out when the desk is down. It needs the database and the disk only."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model, QuerySet
from django.utils import timezone

from incidents.drafts import TimelineError
from incidents.models import Component, Notice
from statuspage import publishing

Row = TypeVar("Row", bound=Model)


class Command(BaseCommand):
    help = "Publish a pre-signed notice about a service: in its open draft or incident, else in a new one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("component", metavar="component-code", help="for example stk-push")
        parser.add_argument("notice", metavar="notice-code", help="for example down, delayed, no-change, watching, resolved")
        parser.add_argument("--reason", default="", help="why you publish although probes disagree; kept, for staff only")

    def handle(self, *args: Any, **options: Any) -> None:
        component = _one(Component.objects.filter(enabled=True), options["component"], "service")
        notice = _one(Notice.objects.all(), options["notice"], "notice")
        try:
            update = publishing.publish_notice(
                component=component, notice=notice, actor=None, now=timezone.now(), reason=options["reason"]
            )
        except publishing.Blocked as refusal:
            raise CommandError("\n".join(["Not published:", *(blocker.message for blocker in refusal.blockers)])) from refusal
        except TimelineError as error:
            raise CommandError(f"Not published: {error}") from error
        promise = (
            f" Next update promised by {timezone.localtime(update.next_update_by):%H:%M %Z}." if update.next_update_by else ""
        )
        self.stdout.write(f"Published “{notice.code}” about {component.code}, incident {update.incident.public_id}.{promise}")


def _one(rows: QuerySet[Row], code: str, what: str) -> Row:
    found = rows.filter(code=code).first()
    if found is None:
        known = ", ".join(rows.order_by("code").values_list("code", flat=True)) or "none; enter one at the desk first"
        raise CommandError(f"There is no {what} with the code “{code}”. Known: {known}.")
    return found
