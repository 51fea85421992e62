"""Sign: another person reads what goes out, beside the last public word and what probes say now; one press signs and publishes.

Also the signature that is owed after words went out alone.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from incidents import breaking_glass, rights, set_times, signing
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import AfterSignature, IncidentUpdate
from incidents.words import Publication
from statuspage import publishing
from statuspage.admin import composing, evidence, sparks
from statuspage.admin.addresses import after_url, draft_url
from statuspage.admin.base import require
from statuspage.admin.composer import CHANGE, PUBLISH, SIGN, find_update
from statuspage.admin.evidence import Evidence
from statuspage.admin.forms import TimeForm
from statuspage.admin.views import DeskView, Gate
from statuspage.differences import difference
from statuspage.templatetags.desk import both_clocks, headline, moment


class SignView(DeskView):
    """Whoever may see updates may read it, so that an author sees what was asked for; signing asks its own permission."""

    permission = "incidents.view_incidentupdate"
    template = "sign.html"

    def get(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update = find_update(update_id)
        if update.publication == Publication.PUBLISHED and update.signature_kind == "break_glass":
            return self._page(update)
        if update.publication != Publication.DRAFT:
            if update.is_published:
                messages.info(request, f"It is public already, since {moment(update.published_at)}.")
            return redirect(draft_url(update))
        return self._page(update)

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        """act: sign (sign and publish), only (sign, somebody else publishes), later (sign, it goes out at a set time) or after
        (what went out alone)."""
        self._require()
        update, now = find_update(update_id), timezone.now()
        act = request.POST.get("act", "sign")
        if act == "after":
            return self._sign_after(update, now)
        if update.publication == Publication.PUBLISHED:
            messages.info(request, f"It went out once: public since {moment(update.published_at)}.")
            return redirect(after_url(update))
        if request.POST.get("seen_evidence", "") not in ("", seen(evidence.of(update.incident))):
            return self._page(update, "The evidence changed while you read. Look at it, then sign again.", status=409)
        if act != "only" and self.actor.has_perm(PUBLISH) and (many := composing.too_many(update, request.POST)):
            return self._page(update, many, status=409)
        self.time_form = TimeForm(request.POST) if act == "later" else TimeForm.today()
        if act == "later" and not self.time_form.is_valid():
            return self._page(update, "Say when it goes out.", status=422)
        try:
            signed = signing.sign(item=update, signer=self.actor, now=now, seen_hash=request.POST.get("seen_hash", ""))
        except signing.SigningRefused as refusal:
            return self._page(update, str(refusal), status=403)
        if act == "later":
            return self._set_time(signed, now)
        if act == "only" or not self.actor.has_perm(PUBLISH):
            messages.success(request, "Signed. It goes out when someone presses Publish.")
            return redirect(draft_url(update))
        return self._publish(signed, now)

    def _set_time(self, update: IncidentUpdate, now: datetime) -> HttpResponse:
        try:
            made = set_times.set_time(update=update, at=self.time_form.moment, actor=self.actor, now=now)
        except TimelineError as refusal:
            return self._page(find_update(update.pk), f"It is signed, and no time is set. {refusal}", status=422)
        messages.success(self.request, f"Signed. It goes out by itself {both_clocks(made.at)}.")
        return redirect(draft_url(update))

    def _publish(self, update: IncidentUpdate, now: datetime) -> HttpResponse:
        reason = self.request.POST.get("why_though", "")
        try:
            published = publishing.publish_update(update_id=update.pk, actor=self.actor, now=now, reason=reason)
        except publishing.Blocked as refusal:
            return self._page(find_update(update.pk), "Signed, but not published.", refusal.blockers, status=409)
        return redirect(after_url(published))

    def _require(self) -> None:
        """Either kind of signer; signing itself says who signs what."""
        if not self.actor.has_perm(rights.SIGN_SECURITY):
            require(self.request, SIGN)

    def _sign_after(self, update: IncidentUpdate, now: datetime) -> HttpResponse:
        try:
            breaking_glass.sign_after(update=update, signer=self.actor, now=now)
        except signing.SigningRefused as refusal:
            return self._page(update, str(refusal), status=403)
        messages.success(self.request, "Signed afterwards. The record says so.")
        return redirect(after_url(update))

    def _page(
        self, update: IncidentUpdate, refusal: str = "", blockers: list[Blocker] | None = None, *, status: int = 200
    ) -> HttpResponse:
        return self.page(status=status, **self._context(update, refusal, blockers, timezone.now()))

    def _context(self, update: IncidentUpdate, refusal: str, blockers: list[Blocker] | None, now: datetime) -> dict[str, Any]:
        draft, of_security = composing.as_kept(update, now), signing.is_of_security(update)
        found = draft.blockers if blockers is None else blockers
        left = [one for one in found if not one.code.startswith("signature_")] if update.publication == "draft" else []
        last, seen_now = composing.last_word(update), evidence.of(update.incident)
        before = last if last and last.pk != update.pk else None
        heard = composing.hearers(update)
        acts = composing.acts_on(update)
        older = composing.older_languages(update)
        wrote = signing.has_written(self.actor, update)
        owed = AfterSignature.objects.filter(update=update).select_related("broken_by", "signed_by").first()
        return {
            "title": f"Sign: {headline(update.incident)}",
            "update": update,
            "incident": update.incident,
            "draft": draft,
            "last": before,
            "changes": _changes(update, before, older),
            "older": older,
            "was": before,
            "refusal": refusal,
            "gates": [Gate(one.message, f"{draft_url(update)}?words=1" if self.actor.has_perm(CHANGE) else "") for one in left],
            "asks_why": any(one.code == "probes_disagree" for one in left),
            "why_though": self.request.POST.get("why_though", ""),
            "evidence": seen_now,
            "evidence_changed": [item for item in seen_now if item.has_changed],
            "sparks": sparks.of([i.component for i in seen_now], {i.component.pk: i.status for i in seen_now}, now=now),
            "seen_evidence": seen(seen_now),
            "seen_hash": signing.content_hash(update),
            "advice_on_time": composing.advice_on_time(draft, now),
            "advice": [
                (code, name, notes)
                for code, name in settings.LANGUAGES
                if (notes := composing.advice_on(by_language(draft.update.body))[code])
            ],
            "languages": settings.LANGUAGES,
            "hearers": heard,
            "will_hear": sum(one.total for one in heard),
            "acts": acts,
            "wrote": wrote,
            "writers": sorted({act.actor_name for act in acts if act.act in ("update.add", "update.edit")}),
            "owed": owed,
            "reason": self.request.POST.get("reason", ""),
            "asks_number": composing.too_many(update, QueryDict()) if self.actor.has_perm(PUBLISH) else "",
            "seeds": len(settings.SEED_LIST),
            "time_form": getattr(self, "time_form", None) or TimeForm.today(),
            "may_sign": self.actor.has_perm(rights.SIGN_SECURITY if of_security else SIGN),
            "of_security": of_security,
            "may_publish": self.actor.has_perm(PUBLISH),
            "signature": composing.signature_words(update),
        }


class SendBackView(SignView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        self._require()
        update = find_update(update_id)
        try:
            signing.send_back(item=update, signer=self.actor, reason=request.POST.get("reason", ""), now=timezone.now())
        except signing.SigningRefused as refusal:
            return self._page(update, str(refusal), status=403)
        messages.success(request, "Sent back. The author sees your reason on the draft.")
        return redirect("admin:index")


def seen(found: list[Evidence]) -> str:
    """What probes say of it, in a few letters: it changes when they say something else."""
    said = ";".join(f"{item.component.code}={item.now}" for item in found)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _changes(update: IncidentUpdate, before: IncidentUpdate | None, older: list[str]) -> list[dict[str, Any]]:
    """Each language's headline and text with the difference from the last public word; one that is behind comes first."""
    named, body = by_language(update.incident.name), by_language(update.body)
    said = by_language(before.body) if before else {}
    languages = sorted(settings.LANGUAGES, key=lambda pair: pair[0] not in older)
    return [
        {
            "code": code,
            "language": name,
            "name": named[code],
            "body": body[code],
            "changed": difference(said.get(code, ""), body[code]),
            "is_older": code in older,
        }
        for code, name in languages
    ]
