"""What the composer shows of a draft: the form as it stands in memory, judged by the same gates, in every reader's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count
from django.http import QueryDict
from django.utils import timezone

from incidents import dependencies, drafts, gates, notices, phrases, signing, ticks, update_facts
from incidents.blockers import Blocker, standing
from incidents.languages import by_language, codes, in_all
from incidents.models import AffectedComponent, AuditEvent, Component, Dependency, IncidentUpdate
from incidents.models.incident import MORE_WORDS
from incidents.words import ComponentStatus, IncidentStatus, Need, Publication, SignatureKind
from statuspage import publishing
from statuspage.admin.forms import Written
from statuspage.admin.previews import Preview, item_to_be, previews
from statuspage.templatetags.desk import moment
from subscribers import audience
from subscribers.channels import CHANNELS

# Minutes until the next word, by the worst state that is said (desk defaults; a notice has its own).
CADENCE = {ComponentStatus.MAJOR_OUTAGE.value: 20, ComponentStatus.PARTIAL_OUTAGE.value: 30}
CADENCE_ELSE = 60
# Ask for a signature although: a signature is what is asked for, and others look at the rest with it.
MAY_BE_ASKED_WITH = ("signature_missing", "signature_void", "phrase_unticked", "probes_disagree")


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it would go out now: in memory, with what the form says put into it. `states` are (component, state)."""

    update: IncidentUpdate
    states: list[tuple[Component, str]]
    blockers: list[Blocker]


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who hears over one channel, by language."""

    channel: str
    total: int
    by_language: list[int]


# --- The draft in memory -----------------------------------------------------------------------


def as_kept(update: IncidentUpdate, now: datetime) -> Draft:
    """The draft as its row has it; a notice's untouched words with the promise they would get now."""
    rows = list(update.affected.select_related("component"))
    held = IncidentUpdate.objects.select_related("incident", "notice").get(pk=update.pk)
    blockers = publishing.blockers_of(update, now=now)
    if held.publication == Publication.DRAFT and held.notice and rows and drafts.is_untouched(held):
        drafts.fill_in(update=held, notice=held.notice, component=rows[0].component, now=now)
    return Draft(held, [(row.component, row.new_status) for row in rows], blockers)


def as_written(update: IncidentUpdate, written: Written, now: datetime, reason: str = "") -> Draft:
    """The draft as it would be if this form were kept; nothing is saved."""
    held = IncidentUpdate.objects.select_related("incident", "notice").get(pk=update.pk)
    before = held.covered()
    _put(held, written)
    held.reason = reason
    stated = {row.component.code: row.new_status for row in held.affected.select_related("component")}
    rows = [AffectedComponent(update=held, component=part, new_status=new) for part, new in written.affected.items()]
    facts = update_facts.read(held, now=now, affected=rows)
    if held.covered() != before or stated != {part.code: new for part, new in written.affected.items()}:
        kept = set() if not ticks.locked_in(held) else ticks.ticked(held)
        facts = replace(facts, signature="none" if facts.signature == "none" else "void", ticked=kept)
    found = standing(gates.blockers(facts), off=settings.GATES_OFF)
    return Draft(held, list(written.affected.items()), found)


def says_the_same(update: IncidentUpdate, written: Written) -> bool:
    """Is the form what the draft says already?"""
    held = IncidentUpdate.objects.select_related("incident").get(pk=update.pk)
    before, stated = held.covered(), {row.component_id: row.new_status for row in held.affected.all()}
    _put(held, written)
    return held.covered() == before and stated == {part.pk: status for part, status in written.affected.items()}


def _put(held: IncidentUpdate, written: Written) -> None:
    """What was written, into the update in memory; its states are rows of their own."""
    held.status, held.body, held.next_update_by = written.status, in_all(written.body), written.next_update_by
    held.deliver_notifications = written.deliver_notifications
    if written.name is not None:
        held.incident.name = in_all(written.name)
    for field, value in written.more.items():
        setattr(held, field, in_all(value) if field in MORE_WORDS else value)


# --- What stands beside it ---------------------------------------------------------------------


def advice_on(texts: dict[str, str]) -> dict[str, list[str]]:
    """Remarks on a text for its writer, by language; they block nothing."""
    found: dict[str, list[str]] = {code: [] for code in codes()}
    for one in phrases.advice(texts):
        quoted = one.phrase if len(one.phrase) <= 60 else f"{one.phrase[:57]}…"
        found[one.language].append(f"“{quoted}” {one.reason}")
    for one in phrases.locked(texts):
        found[one.language].append(f"“{one.phrase}” is a locked phrase. {one.reason}")
    return found


def advice_on_time(draft: Draft, now: datetime) -> list[str]:
    """What the words leave out: a time, and a sorry for a promise that was missed."""
    promised = draft.update.incident.next_update_by
    said = " ".join(by_language(draft.update.body).values())
    found = []
    if said.strip() and not any(letter.isdigit() for letter in said) and draft.update.status not in IncidentStatus.closed():
        found.append("The text names no time. Say since when, and when the next word comes.")
    if promised and promised < now and draft.update.incident.is_open:
        late = int((now - promised).total_seconds() // 60)
        found.append(f"The last promise, {moment(promised)}, was missed by {late} minutes. Does the text say sorry for it?")
    return found


def older_languages(update: IncidentUpdate) -> list[str]:
    """Languages whose text is older than the first language's: that was changed after they were."""
    first, *others = codes()
    changed: dict[str, int] = {}
    acts = AuditEvent.objects.filter(target=update.public_id, act=f"{update.noun}.edit").order_by("id")
    for number, details in enumerate(acts.values_list("details", flat=True)):
        changed |= dict.fromkeys(details.get("languages", ()), number)
    return [code for code in others if changed.get(first, -1) > changed.get(code, -1)]


def hearers(update: IncidentUpdate) -> list[Hearers]:
    """How many subscribers would hear of it, by channel and language."""
    rows = audience.recipients(item_to_be(update)).order_by().values("channel", "language").annotate(n=Count("pk", distinct=True))
    counts: dict[str, dict[str, int]] = {channel: {} for channel in CHANNELS}
    for row in rows:
        counts.setdefault(row["channel"], {})[row["language"]] = row["n"]
    return [
        Hearers(desk_name(channel), sum(found.values()), [found.get(code, 0) for code in codes()])
        for channel, found in sorted(counts.items())
    ]


def desk_name(channel: str) -> str:
    """As the desk calls it; one that is no more goes by its code."""
    return CHANNELS[channel].desk if channel in CHANNELS else channel


def too_many(update: IncidentUpdate, posted: QueryDict) -> str:
    """Why words to very many do not go out yet: their number is typed first. "" for fewer, and for signed notices: those were
    weighed in calm time. A number that moved a little meanwhile is taken."""
    if not update.deliver_notifications or drafts.is_untouched(update):
        return ""
    count = sum(one.total for one in hearers(update))
    typed = "".join(letter for letter in posted.get("typed_number", "") if letter.isdecimal())
    if count <= settings.TYPE_NUMBER_ABOVE or (typed and abs(int(typed[:12]) - count) <= count // 100):
        return ""
    return f"{count} subscribers would hear of it. Type that number, then press again."


@dataclass(frozen=True, slots=True)
class Dragged:
    """A service that may suffer by what is stated, and is not named: a proposal, which a person takes or leaves."""

    component: Component
    status: str
    because: str
    is_late_only: bool


def dragged_along(states: Sequence[tuple[Component, str]], shown: Sequence[Component]) -> list[Dragged]:
    """What the record's dependencies propose beside the services that are named, the worst first. One query."""
    rows = Dependency.objects.select_related("component", "needs")
    edges = [dependencies.Edge(row.component.code, row.needs.code, row.kind == Need.HARD) for row in rows]
    named, parts = {part.code for part, _ in states}, {part.code: part for part in shown}
    found: dict[str, Dragged] = {}
    for part, status in states if edges else ():
        for one in dependencies.propose(part.code, status, edges):
            if one.component in parts and one.component not in named and one.component not in found:
                found[one.component] = Dragged(parts[one.component], one.status, str(part), not one.hard)
    return list(found.values())


def usual_promise(states: Sequence[str], now: datetime) -> datetime:
    """Now and the cadence of the worst state, on a whole five minutes."""
    worst = min((CADENCE[state] for state in states if state in CADENCE), default=CADENCE_ELSE)
    return _on_five(now + timedelta(minutes=worst))


def promise_choices(now: datetime, usual: datetime) -> list[datetime]:
    """Four times to pick from, the usual one among them."""
    offered = {_on_five(now + timedelta(minutes=minutes)) for minutes in (15, 30, 60)} | {usual}
    return [timezone.localtime(at) for at in sorted(offered)]


def _on_five(at: datetime) -> datetime:
    past = timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    return at - past + (timedelta(minutes=5) if past else timedelta())


def fine_lines(draft: Draft, *, is_untouched: bool) -> list[str]:
    """What holds, where nothing blocks."""
    lines = ["Written in " + " and ".join(name for _, name in settings.LANGUAGES)]
    lines.append("Signed words, unchanged" if is_untouched else "Signed by a second person")
    if draft.update.next_update_by:
        lines.append(f"Next update promised by {moment(draft.update.next_update_by)}")
    return [*lines, "States agree with the probes"]


def live(draft: Draft, now: datetime) -> dict[str, Any]:
    """What follows each letter that is typed: previews, advice."""
    shown: list[Preview] = previews(draft.update, draft.states, now=now)
    notes = advice_on(by_language(draft.update.body))
    return {
        "previews": shown,
        "advice": [(code, name, notes[code]) for code, name in settings.LANGUAGES if notes[code]],
        "advice_on_time": advice_on_time(draft, now),
    }


def last_word(update: IncidentUpdate) -> IncidentUpdate | None:
    """The last public word of its incident."""
    spoken = IncidentUpdate.objects.filter(incident=update.incident_id, publication=Publication.PUBLISHED)
    return spoken.select_related("published_by").order_by("-record_seq").first()


def acts_on(update: IncidentUpdate) -> list[AuditEvent]:
    """Who did what with it, newest first."""
    return list(AuditEvent.objects.filter(target=update.public_id).order_by("-id")[:30])


def signature_words(update: IncidentUpdate) -> str:
    """No query, so that lists may ask."""
    state = signing.kept_state(update)
    if state == "void":
        return "Changed after it was signed"
    if state == "none":
        return "Asked for" if update.signature_requested_at else "None yet"
    if update.signature_kind == SignatureKind.NOTICE:
        return "Pre-signed notice, unchanged"
    if update.signature_kind == SignatureKind.BREAK_GLASS:
        return f"Published alone by {update.signed_by}"
    return f"Signed by {update.signed_by}, {moment(update.signed_at)}"


def notice_line(update: IncidentUpdate) -> str:
    """Which notice's words these are, who signed them and when."""
    if update.notice is None or not drafts.is_untouched(update):
        return ""
    version = notices.version_used(update)
    number = f", version {version.number}" if version else ""
    signer = version.signed_by.get_full_name() or version.signed_by.get_username() if version else ""
    return f"notice “{update.notice.code}”{number}" + (f", signed {moment(version.signed_at)} by {signer}" if version else "")


def who_did(person: User | None) -> str:
    return (person.get_full_name() or person.get_username()) if person else "the publisher"
