"""Planned work at the desk: plan it, announce it with a signature, move it, say how it goes; and the list of windows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import corrections, documents, maintenance, planned_words, planned_work, windows
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.maintenance import LONGER_BEFORE, REMIND_BEFORE, STEPS, Phase
from incidents.models import MaintenanceUpdate, ScheduledMaintenance
from incidents.words import Publication
from statuspage import publishing
from statuspage.admin.addresses import telling_of, whole
from statuspage.admin.base import DeskAdmin, person, require
from statuspage.admin.columns import display, publication_column
from statuspage.admin.document_forms import WordsForm
from statuspage.admin.documents import DocumentAdmin, Rights
from statuspage.admin.filing_pages import FilingPages
from statuspage.admin.planned_forms import SWITCHES, PlanForm, StepForm, rule_of
from statuspage.templatetags.desk import first_text, moment, status_word
from subscribers.models import Subscriber

RIGHTS = Rights()
LOOKED_AHEAD = 3
# --- One word about planned work ---------------------------------------------------------------------


class WordAdmin(DocumentAdmin[MaintenanceUpdate]):
    """A draft that announces work, moves it, or says how it goes. ?moves= names the work that gets another time."""

    form_class = PlanForm
    template = "planned.html"
    thing = "planned work"
    list_display = ["of_work", "phase_of", "publication_of", "signature", "author", "changed"]
    list_filter = ["publication", "status"]
    search_fields = ["public_id", "body"]
    list_select_related = ["maintenance", "author", "signed_by"]

    publication_of = publication_column

    @display(description="Work")
    def of_work(self, row: MaintenanceUpdate) -> str:
        return first_text(row.maintenance.name) or "(no name yet)"

    @display(description="Phase")
    def phase_of(self, row: MaintenanceUpdate) -> str:
        return planned_words.PHASE_WORDS[row.status]

    def title(self, document: MaintenanceUpdate) -> str:
        return f"Planned work: {first_text(document.maintenance.name) or 'without a name'}"

    def form_for(self, document: MaintenanceUpdate, data: Any = None) -> WordsForm:
        start = {"seen_at": document.updated_at.isoformat(), **self.start(document)}
        if not document.announces:
            return StepForm(data, start=start)
        expected = {row.component.code: row.expected for row in document.affected.select_related("component")}
        named = document.maintenance.publication != Publication.PUBLISHED
        return PlanForm(data, start=start, expected=expected, is_new=False, with_name=named)

    def start(self, document: MaintenanceUpdate) -> dict[str, Any]:
        own = {name: getattr(document, name) for name in ("body", "starts_at", "ends_at", "deliver_notifications")}
        return {"name": document.maintenance.name, **own}

    def new_form(self, request: HttpRequest, data: Any = None) -> WordsForm:
        moved = _moved(request)
        if moved is None:
            return PlanForm(data, start=dict.fromkeys(SWITCHES, True))
        start: dict[str, Any] = {"starts_at": moved.starts_at, "ends_at": moved.ends_at, "deliver_notifications": True}
        start["body"] = by_language(moved.plan.body) if moved.plan else {}
        expected = {component.code: status for component, status in windows.expectations(moved).items()}
        return PlanForm(data, start=start, expected=expected, is_new=False, with_name=False)

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        moved = _moved(request)
        lead = "It may be called planned work only if this is public before the work starts."
        if moved:
            return {"title": f"Another time: {first_text(moved.name)}", "lead": "The announced time stays until this is public."}
        return {"lead": lead}

    def create(self, form: PlanForm, *, request: HttpRequest, actor: User, now: datetime) -> MaintenanceUpdate:
        starts_at, ends_at = _in_order(form)
        moved = _moved(request)
        if moved:
            return planned_work.reschedule(
                planned=moved,
                body=form.said("body"),
                starts_at=starts_at,
                ends_at=ends_at,
                author=actor,
                now=now,
                expected=form.expected(),
            )
        given = form.cleaned_data
        return planned_work.plan(
            name=form.said("name"),
            body=form.said("body"),
            starts_at=starts_at,
            ends_at=ends_at,
            expected=form.expected(),
            author=actor,
            now=now,
            recurrence=rule_of(given["repeats"], given["recurrence"], starts_at),
            **{switch: given[switch] for switch in SWITCHES},
        )

    def keep(self, document: MaintenanceUpdate, form: Any, *, actor: User, now: datetime) -> MaintenanceUpdate:
        fields: dict[str, Any] = {
            "body": in_all(form.said("body")),
            "deliver_notifications": form.cleaned_data["deliver_notifications"],
        }
        if isinstance(form, StepForm):
            return planned_work.edit(update=document, actor=actor, now=now, seen_at=form.seen, **fields)
        fields["starts_at"], fields["ends_at"] = _in_order(form)
        name = form.said("name") if form.with_name else None
        expected = form.expected()
        return planned_work.edit(update=document, actor=actor, now=now, seen_at=form.seen, name=name, expected=expected, **fields)

    def facts(self, document: MaintenanceUpdate) -> list[tuple[str, str]]:
        planned = document.maintenance
        rows = document.affected.select_related("component")
        found = [("Phase", planned_words.PHASE_WORDS[document.status])]
        if document.announces:
            found += [("Starts", moment(document.starts_at)), ("Ends", moment(document.ends_at))]
            found += [("By itself", _by_itself(planned)), ("Repeats", planned.recurrence or "no")]
        found += [(first_text(row.component.name), status_word(row.expected)) for row in rows if row.expected]
        return [*found, ("Subscribers", "told" if document.deliver_notifications else "not told")]

    def publish(self, document: MaintenanceUpdate, *, actor: User, now: datetime) -> MaintenanceUpdate:
        return publishing.publish_maintenance(update=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: MaintenanceUpdate) -> dict[str, Any]:
        planned = document.maintenance
        return {
            "planned": planned,
            "announces": document.announces,
            "moments": _moments(document.starts_at, document.ends_at, planned if document.is_published else None)
            if document.starts_at and document.ends_at
            else [],
            "coming": _coming(planned, document),
            "follows": [] if not document.announces else list(planned_words.everything().items()),
        }

    def public_url(self, document: MaintenanceUpdate) -> str:
        return f"/maintenance/{document.maintenance.public_id}"


def _moved(request: HttpRequest) -> ScheduledMaintenance | None:
    text = request.GET.get("moves", "")
    return get_object_or_404(ScheduledMaintenance.objects.published(), pk=whole(text)) if text else None


def _in_order(form: PlanForm) -> tuple[datetime, datetime]:
    starts_at, ends_at = form.span()
    if ends_at <= starts_at:
        raise TimelineError("The end lies before the start.")
    return starts_at, ends_at


def _by_itself(planned: ScheduledMaintenance) -> str:
    names = [name for name, on in (("starts", planned.automatic_start), ("ends", planned.automatic_end)) if on]
    return " and ".join(names) or "neither starts nor ends"


def _moments(start: datetime, end: datetime, planned: ScheduledMaintenance | None) -> list[tuple[str, str, bool, bool]]:
    """What will happen when: (clock, words, inside the window?, done?)."""
    now = timezone.now()
    announced = planned.announced_at if planned else None
    told = f"Public; {Subscriber.objects.active().count()} subscribers" if announced is None else "Announced"
    found = [(moment(announced) or "On publishing", told, False, bool(announced))]
    for before in sorted(REMIND_BEFORE, reverse=True):
        found.append((moment(start - before), f"Reminder, {_hours(before)} before", False, start - before <= now))
    found.append((moment(start), "Starts", True, start <= now))
    found.append((moment(end - LONGER_BEFORE), "“Taking longer” waits for you", True, end - LONGER_BEFORE <= now))
    return [*found, (moment(end), "Ends; probes must agree, else a problem opens", False, end <= now)]


def _hours(length: timedelta) -> str:
    return f"{int(length.total_seconds() // 3600)} h"


def _coming(planned: ScheduledMaintenance, announced: MaintenanceUpdate | None) -> list[datetime]:
    """The next starts of recurring work."""
    if not planned.recurrence or planned.series_ended_at or announced is None or not (announced.starts_at and announced.ends_at):
        return []
    start, end = announced.starts_at, announced.ends_at
    zone = planned_work.zone()
    if maintenance.rule_problems(planned.recurrence, start=start, length=end - start, zone=zone):
        return []
    after = max(start, timezone.now())
    windows_to_come = maintenance.occurrences(
        planned.recurrence, start=start, length=end - start, zone=zone, after=after, limit=LOOKED_AHEAD
    )
    return [begins for begins, _ in windows_to_come]


# --- The windows ---------------------------------------------------------------------------------------


class WindowAdmin(FilingPages, DeskAdmin):
    """Every window: what was said of it, what comes by itself, and the acts that people take."""

    list_display = ["work", "phase_of", "publication_of", "starts", "ends", "repeats"]
    list_filter = ["publication", "phase"]
    search_fields = ["name", "public_id"]

    publication_of = publication_column

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledMaintenance]:
        return corrections.with_names(super().get_queryset(request), named_by="planned__maintenance")

    @display(description="Work")
    def work(self, row: ScheduledMaintenance) -> str:
        return first_text(corrections.listed_name(row, row.name)) or "(no name yet)"

    @display(description="Phase")
    def phase_of(self, row: ScheduledMaintenance) -> str:
        return planned_words.PHASE_WORDS[row.phase]

    @display(description="Starts", ordering="starts_at")
    def starts(self, row: ScheduledMaintenance) -> str:
        return moment(row.starts_at) or "not announced yet"

    @display(description="Ends", ordering="ends_at")
    def ends(self, row: ScheduledMaintenance) -> str:
        return moment(row.ends_at)

    @display(description="Repeats")
    def repeats(self, row: ScheduledMaintenance) -> str:
        return "part of a series" if row.first_id else row.recurrence

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(RIGHTS.see)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RIGHTS.see)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).has_perm(RIGHTS.write)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:incidents_maintenanceupdate_add")

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {"step": self.step_view, "end-series": self.end_series_view}
        own = [
            path(f"<int:pk>/{act}/", self.admin_site.admin_view(view), name=f"incidents_scheduledmaintenance_{act}")
            for act, view in acts.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        require(request, RIGHTS.see)
        return self._show(request, get_object_or_404(ScheduledMaintenance, pk=object_id))

    def _show(
        self,
        request: HttpRequest,
        planned: ScheduledMaintenance,
        *,
        status: int = 200,
        refusal: str = "",
        form: StepForm | None = None,
    ) -> HttpResponse:
        user = person(request)
        is_public = planned.publication == Publication.PUBLISHED
        window = windows.of(planned)
        return self.page(
            request,
            "window.html",
            status=status,
            title=first_text(corrections.listed_name(planned, planned.name)) or "Planned work without a name",
            planned=planned,
            phase=planned_words.PHASE_WORDS[planned.phase],
            refusal=refusal,
            form=form or StepForm(start={"deliver_notifications": True}),
            opened=form is not None,
            is_public=is_public,
            moments=_moments(planned.starts_at, planned.ends_at, planned) if planned.starts_at and planned.ends_at else [],
            coming=_coming(planned, planned.plan),
            expected=[(component, status_word(status)) for component, status in windows.expectations(planned).items()],
            steps=[(step.value, _STEP_WORDS[step]) for step in STEPS[Phase(planned.phase)] if is_public],
            runs_late=bool(window and window.overrun(timezone.now())),
            drafts=list(planned.updates.drafts().select_related("author")),
            published=list(planned.updates.published().select_related("published_by")),
            is_series=bool((planned.recurrence or planned.first_id) and not (planned.first or planned).series_ended_at),
            may_move=is_public and planned.phase == Phase.SCHEDULED and user.has_perm(RIGHTS.write),
            may_write=user.has_perm(RIGHTS.write),
            may_publish=user.has_perm(RIGHTS.publish),
        )

    def step_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The next phase: with words of one's own a draft, else at once in the words that were signed with the announcement."""
        own_words = "own_words" in request.POST
        actor = require(request, RIGHTS.write if own_words else RIGHTS.publish)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        planned, status = get_object_or_404(ScheduledMaintenance, pk=pk), request.POST.get("status", "")
        if status not in set(Phase):
            return self._show(request, planned, status=400, refusal="Choose a phase.")
        form = StepForm(request.POST) if own_words else None
        if form and not (form.is_valid() and any(form.said("body").values())):
            return self._show(request, planned, status=422, refusal="Write what is said.", form=form)
        try:
            return self._step(request, planned, status, form, actor)
        except (TimelineError, publishing.Blocked) as problem:
            return self._show(request, planned, status=409, refusal=str(problem), form=form)

    def _step(
        self, request: HttpRequest, planned: ScheduledMaintenance, status: str, form: StepForm | None, actor: User
    ) -> HttpResponse:
        now = timezone.now()
        if form:
            told = form.cleaned_data["deliver_notifications"]
            update = planned_work.step(
                planned=planned, status=status, author=actor, now=now, body=form.said("body"), deliver_notifications=told
            )
            messages.success(request, "A draft is ready. Another person signs its words.")
            return redirect(reverse("admin:incidents_maintenanceupdate_change", args=[update.pk]))
        update = planned_work.step(planned=planned, status=status, author=actor, now=now)
        try:
            published = publishing.publish_maintenance(update=update, actor=actor, now=now)
        except publishing.Blocked:
            documents.discard(document=update, actor=actor, now=now, reason="it could not go out")
            raise
        return redirect(telling_of(published) or window_url(planned))

    def end_series_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        actor = require(request, RIGHTS.write)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        planned = get_object_or_404(ScheduledMaintenance, pk=pk)
        planned_work.end_series(planned=planned, actor=actor, now=timezone.now())
        messages.success(request, "No further ones are announced. Those announced already stay.")
        return redirect(window_url(planned))


_STEP_WORDS = {
    Phase.IN_PROGRESS: "It has begun",
    Phase.VERIFYING: "Done; making sure",
    Phase.COMPLETED: "Completed",
    Phase.CANCELLED: "Cancel the work",
}


def window_url(planned: ScheduledMaintenance) -> str:
    return reverse("admin:incidents_scheduledmaintenance_change", args=[planned.pk])
