"""The composer: one draft, both languages, what forbids it, what everybody will get; and the one bar that sends it on.

Signed words are shown, not editable; changing them is a link away. What is typed is kept for its writer every 20 s and on leaving
(statuspage.keeping), and becomes the draft's only by an act. Each act is one operation of incidents.* or statuspage.publishing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents import breaking_glass, drafts, holding, notes, rights, set_times, signing
from incidents.blockers import Blocker
from incidents.languages import by_language
from incidents.models import IncidentUpdate
from incidents.words import Publication
from statuspage import keeping, publishing
from statuspage.admin import composing, evidence, sparks
from statuspage.admin.addresses import after_url, draft_url, incident_url, sign_url, translate_url
from statuspage.admin.base import require
from statuspage.admin.forms import Start, TimeForm, UpdateForm
from statuspage.admin.views import DeskView, Gate, field_id
from statuspage.models import DeskDraft
from statuspage.templatetags.desk import headline, moment

VIEW, CHANGE, PUBLISH, SIGN = (f"incidents.{act}_incidentupdate" for act in ("view", "change", "publish", "sign"))
NOT_FIELDS = ("csrfmiddlewaretoken", "act", "mode")


def find_update(update_id: int) -> IncidentUpdate:
    rows = IncidentUpdate.objects.select_related("incident", "notice", "author", "signed_by", "published_by")
    return get_object_or_404(rows, pk=update_id)


@dataclass
class Shown:
    """What one answer of the composer says beside the draft."""

    form: UpdateForm | None = None  # None: the words are shown, not edited
    status: int = 200
    blockers: list[Blocker] | None = None  # None: as the draft stands
    refusal: str = ""
    theirs: IncidentUpdate | None = None  # what somebody else kept or published meanwhile
    kept: DeskDraft | None = None  # what the person left unsaved, which the form holds
    reason: str = ""
    glass_reason: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class ComposerView(DeskView):
    permission = VIEW
    template = "composer.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        if update.publication != Publication.DRAFT:
            return self._read(update)
        if not self.actor.has_perm(CHANGE):
            may_translate = self.actor.has_perm(rights.TRANSLATE)
            return redirect(translate_url(update)) if may_translate else self._compose(update, Shown())
        kept = keeping.form_of(person=self.actor, update=update)
        if "words" not in request.GET and kept is None and signing.signature_state(update) == "valid":
            return self._compose(update, Shown())
        start = Start.from_draft(update)
        if start.next_update_by is None or start.next_update_by <= timezone.now():
            start.next_update_by = composing.usual_promise(list(start.affected.values()), timezone.now())
        form = UpdateForm(as_posted(kept) if kept else None, incident=update.incident, start=start)
        return self._compose(update, Shown(form=form, kept=kept))

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        """act: save, ask, publish or glass. Posted twice, it answers as the first time."""
        act = request.POST.get("act", "save")
        require(request, PUBLISH if act == "publish" and _is_signed_mode(request) else CHANGE)
        update, now = find_update(update_id), timezone.now()
        if update.publication == Publication.PUBLISHED and update.published_by_id == self.actor.pk and act != "save":
            messages.info(request, f"It went out once: public since {moment(update.published_at)}.")
            return redirect(after_url(update))
        form: UpdateForm | None = None
        if not _is_signed_mode(request):
            form = UpdateForm(request.POST, incident=update.incident, start=Start.from_draft(update))
            if update.publication == Publication.DRAFT:
                keeping.keep_form(person=self.actor, update=update, fields=typed_fields(request.POST), now=now)
            if act.startswith("hold:"):
                return self._hold(update, act.removeprefix("hold:"), now)
            if not form.is_valid():
                return self._compose(update, Shown(form=form, status=422))
            is_same = composing.says_the_same(update, form.written())  # a second press, or nothing was changed
            if refused := self._conflict(update, form, is_same=is_same):
                return refused
            try:
                update = _keep(update, form, self.actor, now, is_same=is_same)
            except drafts.TimelineError as refusal:
                return self._conflict(find_update(update_id), form, str(refusal)) or HttpResponse(status=409)
        if act in ("publish", "glass") and (refused := self._too_many(update, form)):
            return refused
        acts = {"ask": self._ask, "publish": self._publish, "glass": self._glass}
        return acts.get(act, self._save)(update, form, now)

    def _too_many(self, update: IncidentUpdate, form: UpdateForm | None) -> HttpResponse | None:
        """Very many would hear of it, and their number was not typed: the same page, which asks for it."""
        if not (many := composing.too_many(update, self.request.POST)):
            return None
        again = self._again(update, form, None)
        again.refusal = many
        return self._compose(update, again)

    # --- The acts -------------------------------------------------------------------------------

    def _save(self, update: IncidentUpdate, form: UpdateForm | None, now: datetime) -> HttpResponse:
        messages.success(self.request, "The draft is kept. Nothing is public yet.")
        return redirect(f"{draft_url(update)}?words=1" if form else draft_url(update))

    def _hold(self, update: IncidentUpdate, code: str, now: datetime) -> HttpResponse:
        """The signed holding text stands in a language's place; what else was typed stays."""
        fields = typed_fields(self.request.POST)
        if code in (words := holding.words()):
            fields[f"body_{code}"] = [words[code]]
            keeping.keep_form(person=self.actor, update=update, fields=fields, now=now)
        return redirect(f"{draft_url(update)}?words=1#body_{code}")

    def _ask(self, update: IncidentUpdate, form: UpdateForm | None, now: datetime) -> HttpResponse:
        found = publishing.blockers_of(update, now=now)
        if [blocker for blocker in found if blocker.code not in composing.MAY_BE_ASKED_WITH]:
            return self._compose(update, self._again(update, form, found))
        signing.request(item=update, actor=self.actor, now=now)
        messages.success(self.request, "It waits for a signature. The approvers see it on their dashboard.")
        return redirect(sign_url(update))

    def _publish(self, update: IncidentUpdate, form: UpdateForm | None, now: datetime) -> HttpResponse:
        reason = self.request.POST.get("reason", "")
        try:
            published = publishing.publish_update(update_id=update.pk, actor=self.actor, now=now, reason=reason)
        except publishing.Blocked as refusal:
            return self._compose(update, self._again(update, form, refusal.blockers))
        keeping.drop_form(person=self.actor, update=published)
        return redirect(after_url(published))

    def _glass(self, update: IncidentUpdate, form: UpdateForm | None, now: datetime) -> HttpResponse:
        """Alone, with a typed reason: only what the signature alone held up."""
        require(self.request, breaking_glass.PERMISSION)
        found = [one for one in publishing.blockers_of(update, now=now) if not one.code.startswith("signature_")]
        disagree = bool(self.request.POST.get("reason", "").strip())
        if [one for one in found if not (disagree and one.code == "probes_disagree")]:
            return self._compose(update, self._again(update, form, found))
        try:
            reason = self.request.POST.get("glass_reason", "")
            breaking_glass.break_glass(update=update, actor=self.actor, reason=reason, now=now)
        except signing.SigningRefused as refusal:
            shown = self._again(update, form, None)
            shown.refusal = str(refusal)
            return self._compose(update, shown)
        return self._publish(update, form, now)

    def _again(self, update: IncidentUpdate, form: UpdateForm | None, found: list[Blocker] | None) -> Shown:
        """Not done: the same page with the list, and nothing lost."""
        fresh = find_update(update.pk)
        again = form and UpdateForm(
            self.request.POST, incident=fresh.incident, start=Start.from_draft(fresh), seen_at=fresh.updated_at.isoformat()
        )
        if again:
            again.is_valid()
        post = self.request.POST
        return Shown(again, 409, found, reason=post.get("reason", ""), glass_reason=post.get("glass_reason", ""))

    # --- Two officers ---------------------------------------------------------------------------

    def _conflict(
        self, update: IncidentUpdate, form: UpdateForm, refusal: str = "", *, is_same: bool = False
    ) -> HttpResponse | None:
        """Somebody kept other words, or published meanwhile: both texts on one page. Ours stay in the fields and in the
        person's own drafts; keeping them is a choice, made by pressing again."""
        posted = form.cleaned_data["seen_at"]
        seen_last, last = self.request.POST.get("seen_last", ""), composing.last_word(update)
        spoke = last is not None and str(last.pk) != seen_last and last.published_by_id != self.actor.pk
        if update.publication != Publication.DRAFT:
            refusal, theirs = refusal or "This update is public already (or discarded).", update
        elif not is_same and posted and parse_datetime(posted) != update.updated_at:
            refusal, theirs = refusal or "Someone else changed this draft while you wrote.", update
        elif spoke and last is not None:
            refusal, theirs = f"{composing.who_did(last.published_by)} posted at {moment(last.published_at)}.", last
        else:
            return None
        ours = UpdateForm(
            self.request.POST,
            incident=update.incident,
            start=Start.from_draft(update),
            seen_at=update.updated_at.isoformat(),
        )
        ours.is_valid()
        return self._compose(update, Shown(ours, 409, refusal=refusal, theirs=theirs))

    # --- The page -------------------------------------------------------------------------------

    def _compose(self, update: IncidentUpdate, shown: Shown) -> HttpResponse:
        return self.page(status=shown.status, **compose_context(update, shown, self.actor, timezone.now()))

    def _read(self, update: IncidentUpdate) -> HttpResponse:
        return self.page(
            template="read.html",
            title="Update",
            update=update,
            incident=update.incident,
            affected=list(update.affected.select_related("component")),
            evidence=evidence.of(update.incident),
            signature=composing.signature_words(update),
            public_body=by_language(update.body),
            hearers=sum(one.total for one in composing.hearers(update)) if update.deliver_notifications else 0,
        )


class KeepView(DeskView):
    """What the browser keeps by itself: the form as typed, answered with how it would look."""

    permission = VIEW

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        if not self.actor.has_perm(rights.TRANSLATE):
            require(request, CHANGE)
        update, now = find_update(update_id), timezone.now()
        try:
            kept = keeping.keep_form(person=self.actor, update=update, fields=typed_fields(request.POST), now=now)
        except keeping.TooLong as refusal:
            return JsonResponse({"refused": str(refusal)}, status=413)
        if kept is None:
            return JsonResponse({"refused": "It is no draft any more: copy your words into a new update."}, status=409)
        form = UpdateForm(request.POST, incident=update.incident, start=Start.from_draft(update))
        answer: dict[str, Any] = {"saved": f"{timezone.localtime(now):%H:%M:%S}", "html": {}}
        if form.is_valid():
            draft = composing.as_written(update, form.written(), now, request.POST.get("reason", ""))
            context = {**composing.live(draft, now), **_gates(update, draft.blockers)}
            answer["html"] = {
                part: render_to_string(f"admin/desk/_{part}.html", context, request) for part in ("preview", "advice", "gates")
            }
            answer["blocked"] = bool(hard_gates(draft.blockers))
        return JsonResponse(answer)


class ForgetView(DeskView):
    """Back to what is kept: the person's unsaved words are thrown away."""

    permission = CHANGE

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        keeping.drop_form(person=self.actor, update=update)
        return redirect(draft_url(update))


class DiscardView(DeskView):
    permission = CHANGE

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        reason = request.POST.get("reason", "").strip()
        drafts.discard(update=update, actor=self.actor, now=timezone.now(), reason=reason)
        messages.success(request, "The draft is discarded. Its text and evidence are kept for later questions.")
        return redirect("admin:index")


class PublishView(ComposerView):
    """The address that older links lead to: the composer shows it, and a post here publishes the draft as it is kept."""

    permission = PUBLISH

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        return redirect(draft_url(find_update(update_id)))

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        return self._too_many(update, None) or self._publish(update, None, timezone.now())


class AskView(ComposerView):
    permission = CHANGE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        return self._ask(find_update(update_id), None, timezone.now())


# --- Parts -------------------------------------------------------------------------------------


def compose_context(update: IncidentUpdate, shown: Shown, actor: User, now: datetime) -> dict[str, Any]:
    form = shown.form
    is_readable = form is not None and form.is_bound and not form.errors and hasattr(form, "cleaned_data")
    written = form.written() if form is not None and is_readable else None
    draft = composing.as_written(update, written, now, shown.reason) if written else composing.as_kept(update, now)
    blockers = draft.blockers if shown.blockers is None else shown.blockers
    is_untouched = drafts.is_untouched(update)
    last, found = composing.last_word(update), evidence.of(update.incident)
    usual = composing.usual_promise([state for _, state in draft.states], now)
    others = keeping.writers(update.incident.updates.drafts())
    heard = composing.hearers(update)
    acts = composing.acts_on(update)
    asks_reason = any(blocker.code == "probes_disagree" for blocker in blockers)
    return {
        "title": headline(update.incident) or "A draft",
        "update": update,
        "incident": update.incident,
        "draft": draft,
        "form": form,
        "kept": shown.kept,
        "status_code": shown.status,
        "refusal": shown.refusal,
        "theirs": shown.theirs,
        "evidence": found,
        "evidence_changed": [item for item in found if item.has_changed],
        "sparks": sparks.of([item.component for item in found], {i.component.pk: i.status for i in found}, now=now),
        "last": last,
        "last_before": last.body if last else {},
        "promise_choices": composing.promise_choices(now, usual),
        "hearers": heard,
        "will_hear": sum(one.total for one in heard),
        "others": [one for one in others.values() if one.person_id != actor.pk],
        "is_untouched": is_untouched,
        "notice_line": composing.notice_line(update),
        "signature": composing.signature_words(update),
        "signature_state": signing.signature_state(update),
        "older": composing.older_languages(update),
        "sent_back": acts[0] if acts and acts[0].act == "update.send_back" else None,
        "acts": acts,
        "asks_reason": asks_reason or bool(shown.reason),
        "reason": shown.reason,
        "glass_reason": shown.glass_reason,
        "once": secrets.token_urlsafe(18),
        "languages": settings.LANGUAGES,
        "first_language": settings.LANGUAGES[0][1],
        "sms_before": f"{settings.PROVIDER_NAME}: ",
        "sms_after": f" {urlsplit(settings.BASE_URL).netloc}",
        "who_lines": [text for text in by_language(draft.update.who_affected).values() if text],
        "may_write": actor.has_perm(CHANGE),
        "may_sign": actor.has_perm(SIGN),
        "may_publish": actor.has_perm(PUBLISH),
        "may_break_glass": actor.has_perm(breaking_glass.PERMISSION),
        "dragged": composing.dragged_along(draft.states, form.components) if form else [],
        "holding": holding.words() if form else {},
        "asks_number": composing.too_many(update, QueryDict()),
        "seeds": len(settings.SEED_LIST),
        "set_time": set_times.standing(update),
        "time_form": TimeForm.today(),
        "hard": hard_gates(blockers),
        "fine": composing.fine_lines(draft, is_untouched=is_untouched),
        **_gates(update, blockers),
        **composing.live(draft, now),
        **shown.more,
    }


def hard_gates(blockers: list[Blocker]) -> list[Blocker]:
    """What forbids even to ask for a signature."""
    return [blocker for blocker in blockers if blocker.code not in composing.MAY_BE_ASKED_WITH]


def _gates(update: IncidentUpdate, blockers: list[Blocker]) -> dict[str, list[Gate]]:
    return {"gates": [Gate(blocker.message, _where(update, blocker)) for blocker in blockers]}


def _where(update: IncidentUpdate, blocker: Blocker) -> str:
    if blocker.field == "signature":
        return "#bar"
    if blocker.field in ("publication", "incident"):
        return incident_url(update.incident)
    return f"{draft_url(update)}?words=1#{field_id(blocker.field)}"


def _keep(update: IncidentUpdate, form: UpdateForm, actor: User, now: datetime, *, is_same: bool = False) -> IncidentUpdate:
    """The form becomes the draft's; where it says the same, nobody becomes an author. Raises TimelineError."""
    written = form.written()
    kept = (
        update
        if is_same
        else drafts.edit_update(
            update=update,
            actor=actor,
            now=now,
            status=written.status,
            name=written.name,
            body=written.body,
            affected=written.affected,
            next_update_by=written.next_update_by,
            deliver_notifications=written.deliver_notifications,
            seen_at=written.seen_at,
            more=written.more,
        )
    )
    if note := form.cleaned_data["note"].strip():
        notes.add_note(incident=kept.incident, author=actor, text=note, now=now)
    keeping.drop_form(person=actor, update=kept)
    return kept


def keep_words(update: IncidentUpdate, posted: QueryDict, actor: User, now: datetime) -> None:
    """Words written for an update that went public meanwhile, kept in a new draft. What cannot be read is kept unsaved."""
    form = UpdateForm(posted, incident=update.incident, start=Start.from_draft(update), seen_at=update.updated_at.isoformat())
    if form.is_valid():
        _keep(update, form, actor, now)
    else:
        keeping.keep_form(person=actor, update=update, fields=typed_fields(posted), now=now)


def _is_signed_mode(request: HttpRequest) -> bool:
    return request.POST.get("mode") == "signed"


def typed_fields(posted: QueryDict) -> dict[str, list[str]]:
    return {key: [str(value) for value in values] for key, values in posted.lists() if key not in NOT_FIELDS}


def as_posted(kept: DeskDraft) -> QueryDict:
    data = QueryDict(mutable=True)
    for key, values in kept.fields.items():
        data.setlist(key, values)
    return data
