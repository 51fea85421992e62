"""Past incidents that came from another page: somebody else reads them, many on a page, and signs and publishes what they ticked.

Each is signed and published as on its own page: the same gates, a signature over its own words, two lines in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from incidents import signing
from incidents.models import Component, IncidentUpdate
from incidents.words import Publication, SignatureKind
from statuspage import publishing
from statuspage.admin import composing
from statuspage.admin.addresses import draft_url
from statuspage.admin.base import require
from statuspage.admin.composer import PUBLISH, SIGN
from statuspage.admin.views import DeskView
from statuspage.models import Imported

ON_A_PAGE = 20  # so that they are read


@dataclass(frozen=True)
class Row:
    """One draft as it would go out. `why_not`: what must be done first, on its own page; "" when it may be ticked."""

    update: IncidentUpdate
    states: list[tuple[Component, str]]
    seen_hash: str
    why_not: str
    url: str
    refusal: str = ""


def waiting() -> QuerySet[IncidentUpdate]:
    """Unsigned drafts of incidents that an import made, oldest first; those somebody asked to sign one by one stand elsewhere."""
    targets = Imported.objects.filter(kind="incident").values("target")
    rows = IncidentUpdate.objects.drafts().filter(incident__backfilled=True, incident__publication=Publication.DRAFT)
    return rows.filter(incident__public_id__in=targets, signature_requested_at=None, signature_kind=SignatureKind.NONE)


def why_not(update: IncidentUpdate, draft: composing.Draft) -> str:
    """What keeps it from being signed among others."""
    if update.deliver_notifications:
        return "Subscribers would be told: sign it on its own page."
    return " ".join(one.message for one in draft.blockers if not one.code.startswith("signature_"))


class ImportedView(DeskView):
    permission = "incidents.view_incidentupdate"
    template = "imported.html"
    title = "Imported incidents"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page({})

    def post(self, request: HttpRequest) -> HttpResponse:
        """`read`: which were read, by primary key; `seen_<key>`: the hash of the words that were shown."""
        require(request, SIGN)
        now, done, refused = timezone.now(), 0, {}
        keys = [int(key) for key in request.POST.getlist("read")[:ON_A_PAGE] if key.isdecimal() and len(key) < 19]
        for update in waiting().filter(pk__in=keys).select_related("incident"):
            if refusal := self._sign(update, now):
                refused[update.pk] = refusal
            else:
                done += 1
        went = (
            "public within some seconds" if self.actor.has_perm(PUBLISH) else "signed; somebody who publishes makes them public"
        )
        if done:
            messages.success(request, f"{done} {'is' if done == 1 else 'are'} {went}.")
        if refused or not done:
            return self._page(refused, status=409 if refused else 422, note="" if refused else "Tick those that you have read.")
        return redirect(f"{reverse('admin:imported_sign')}?after={_number(request.POST.get('after', ''))}")

    def _sign(self, update: IncidentUpdate, now: datetime) -> str:
        """Sign and publish one; answers why not."""
        if reason := why_not(update, composing.as_kept(update, now)):
            return reason
        seen = self.request.POST.get(f"seen_{update.pk}", "")
        if not seen:
            return "Read it again."
        try:
            signing.sign(item=update, signer=self.actor, now=now, seen_hash=seen)
            if self.actor.has_perm(PUBLISH):
                publishing.publish_update(update_id=update.pk, actor=self.actor, now=now, show=False)
        except (signing.SigningRefused, publishing.Blocked) as refusal:
            return str(refusal)
        return ""

    def _page(self, refused: dict[int, str], *, status: int = 200, note: str = "") -> HttpResponse:
        now, after = timezone.now(), _number(self.request.POST.get("after", "") or self.request.GET.get("after", ""))
        found = list(waiting().filter(pk__gt=after).select_related("incident", "author", "notice")[: ON_A_PAGE + 1])
        shown = found[:ON_A_PAGE]
        return self.page(
            status=status,
            rows=[self._row(update, refused.get(update.pk, ""), now) for update in shown],
            count=waiting().count(),
            after=after,
            next_after=shown[-1].pk if len(found) > ON_A_PAGE else 0,
            note=note,
            all_ticked="all" in self.request.GET,
            may_sign=self.actor.has_perm(SIGN),
            may_publish=self.actor.has_perm(PUBLISH),
        )

    def _row(self, update: IncidentUpdate, refusal: str, now: datetime) -> Row:
        draft = composing.as_kept(update, now)
        reason = why_not(update, draft)
        if not reason and signing.has_written(self.actor, update):
            reason = "You wrote or imported it: another person signs."
        return Row(update, draft.states, signing.content_hash(update), reason, draft_url(update), refusal)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
