"""Test sends, from the composer and from the signing page."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from statuspage import keeping, trials
from statuspage.admin import composing
from statuspage.admin.addresses import draft_url, sign_url
from statuspage.admin.composer import VIEW, ComposerView, Shown, find_update, typed_fields
from statuspage.admin.forms import Start, UpdateForm
from statuspage.admin.previews import item_to_be


class TrialView(ComposerView):
    """to: me or seeds. From the composer it takes the words as they are typed, and keeps them for their writer."""

    permission = VIEW
    http_method_names = ["post"]

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update, now = find_update(update_id), timezone.now()
        back, form, draft = draft_url(update), None, composing.as_kept(update, now)
        if "seen_at" in request.POST:
            form = UpdateForm(request.POST, incident=update.incident, start=Start.from_draft(update))
            keeping.keep_form(person=self.actor, update=update, fields=typed_fields(request.POST), now=now)
            if not form.is_valid():
                return self._compose(update, Shown(form=form, status=422))
            draft, back = composing.as_written(update, form.written(), now), f"{back}?words=1"
        elif "seen_hash" in request.POST:
            back = sign_url(update)
        to = settings.SEED_LIST if request.POST.get("to") == "seeds" else [self.actor.email] if self.actor.email else []
        try:
            trials.send(item=item_to_be(draft.update), to=to, actor=self.actor, now=now)
        except trials.TrialFailed as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "A test is on its way: look at it as readers will.")
        return redirect(back)
