"""People of a rehearsal as a script: a writer who speaks, an approver who signs, each after the seconds that a person takes.

Their acts are those of the desk: the same operations, gates and signatures.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q

from incidents import drafts, notices, planned_work, signing
from incidents.models import Component, Incident, IncidentUpdate, MaintenanceUpdate, Notice
from incidents.words import ComponentStatus, IncidentStatus, Publication
from statuspage import publishing

REACTS = timedelta(seconds=4)  # until somebody looks at a draft
SIGNS = timedelta(seconds=5)  # until the second person has read it
CALM = timedelta(seconds=8)  # so long must all be well before anybody says so
WATCHED = timedelta(seconds=6)  # so long it is watched before it is called over
PROMISED = timedelta(minutes=2)
SAY_AGAIN = timedelta(seconds=15)  # before a promise runs out

IDENTIFIED = {
    "en": "We know which part is slow and are working on it. Please wait for your SMS before you pay again.",
    "sw": "Tunajua sehemu inayochelewa na tunaishughulikia. Tafadhali subiri SMS kabla ya kulipa tena.",
}
PLANNED = (
    {"en": "Work on payments", "sw": "Kazi kwenye malipo"},
    {
        "en": "Payments may fail while we change the system behind them. Pay before it begins or after it ends.",
        "sw": "Malipo yanaweza kukwama tunapobadilisha mfumo. Lipa kabla ya kuanza au baada ya kumalizika.",
    },
)


class People:
    """`step` is called again and again; each call does what somebody would do by now."""

    def __init__(self) -> None:
        self.writer = User.objects.get(username="writer")
        self.approver = User.objects.get(username="approver")
        self._well_since: dict[int, datetime] = {}

    def announce(
        self, *, components: tuple[str, ...], starts_at: datetime, ends_at: datetime, now: datetime
    ) -> MaintenanceUpdate:
        """Plan work, have it signed, publish it."""
        name, body = PLANNED
        expected = {Component.objects.get(code=code): ComponentStatus.MAJOR_OUTAGE.value for code in components}
        update = planned_work.plan(
            name=name, body=body, starts_at=starts_at, ends_at=ends_at, expected=expected, author=self.writer, now=now
        )
        signing.request(item=update, actor=self.writer, now=now)
        signing.sign(item=update, signer=self.approver, now=now)
        return publishing.publish_maintenance(update=MaintenanceUpdate.objects.get(pk=update.pk), actor=self.writer, now=now)

    def step(self, now: datetime) -> None:
        self._publish_first_words(now)
        self._sign(now)
        for incident in Incident.objects.published().filter(~Q(status__in=IncidentStatus.closed())):
            self._go_on(incident, now)

    def are_done(self) -> bool:
        """Nothing is open and nothing waits."""
        open_ones = Incident.objects.published().filter(~Q(status__in=IncidentStatus.closed()))
        return not open_ones.exists() and not IncidentUpdate.objects.drafts().exists()

    # --- The first word --------------------------------------------------------------------------

    def _publish_first_words(self, now: datetime) -> None:
        """Drafts that machines opened, in words signed in calm time: one person is enough."""
        waiting = IncidentUpdate.objects.drafts().filter(author=None, incident__publication=Publication.DRAFT)
        for draft in waiting.select_related("incident"):
            if now - draft.created_at >= REACTS:
                self._publish(draft, now)

    # --- Words of one's own ----------------------------------------------------------------------

    def _sign(self, now: datetime) -> None:
        for draft in IncidentUpdate.objects.drafts().filter(author=self.writer, signature_requested_at__lte=now - SIGNS):
            signing.sign(item=draft, signer=self.approver, now=now)
            self._publish(IncidentUpdate.objects.get(pk=draft.pk), now)

    def _go_on(self, incident: Incident, now: datetime) -> None:
        if incident.updates.drafts().exists():
            return
        components = [Component.objects.get(pk=part.pk) for part in self._named(incident)]
        if all(part.observed_status == ComponentStatus.OPERATIONAL for part in components):
            since = self._well_since.setdefault(incident.pk, now)
            self._call_it_over(incident, components[0], now, since)
            return
        self._well_since.pop(incident.pk, None)
        if incident.status == IncidentStatus.MONITORING and self._say_it_is_back(components, now):
            return
        if not incident.updates.filter(author=self.writer).exists():
            self._say_what_is_known(incident, components, now)
        elif incident.next_update_by and incident.next_update_by - now < SAY_AGAIN:
            self._say(components[0], "no-change", now)

    def _say_what_is_known(self, incident: Incident, components: list[Component], now: datetime) -> None:
        """Their own words need a second person; they try without, as people do, and the gate holds them."""
        if incident.published_at is None or now - incident.published_at < 2 * REACTS:
            return
        draft = drafts.add_update(
            incident=incident,
            status=IncidentStatus.IDENTIFIED,
            body=IDENTIFIED,
            affected={part: part.status for part in components},
            next_update_by=now + PROMISED,
            author=self.writer,
            now=now,
        )
        if not self._publish(draft, now):
            signing.request(item=draft, actor=self.writer, now=now)

    def _say_it_is_back(self, components: list[Component], now: datetime) -> bool:
        """It was said to work, and does not: the first words again, for whichever service is in trouble."""
        for part in components:
            if notice := notices.first_notice_for(part.observed_status):
                self._say(part, notice.code, now)
                return True
        return False

    # --- The end ---------------------------------------------------------------------------------

    def _call_it_over(self, incident: Incident, component: Component, now: datetime, since: datetime) -> None:
        if incident.status != IncidentStatus.MONITORING:
            if now - since >= CALM:
                self._say(component, "watching", now)
        elif incident.monitoring_at and now - incident.monitoring_at >= WATCHED:
            self._say(component, "resolved", now)

    def _named(self, incident: Incident) -> list[Component]:
        named = Component.objects.filter(affected__update__incident=incident, affected__update__publication=Publication.PUBLISHED)
        return list(named.distinct().order_by("pk"))

    def _say(self, component: Component, notice: str, now: datetime) -> None:
        """Or not, where a gate holds it: they try again."""
        with suppress(publishing.Blocked, drafts.TimelineError):
            publishing.publish_notice(component=component, notice=Notice.objects.get(code=notice), actor=self.writer, now=now)

    def _publish(self, draft: IncidentUpdate, now: datetime) -> bool:
        """Whether it went out; what held it is kept by publishing itself."""
        try:
            publishing.publish_update(update_id=draft.pk, actor=self.writer, now=now)
        except publishing.Blocked:
            return False
        return True
