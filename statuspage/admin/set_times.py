"""The acts of a set time: a signed draft goes out by itself then, or not any more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from incidents import set_times
from incidents.drafts import TimelineError
from statuspage.admin.addresses import draft_url
from statuspage.admin.composer import PUBLISH, ComposerView, Shown, find_update
from statuspage.admin.forms import TimeForm
from statuspage.templatetags.desk import both_clocks


class TimeView(ComposerView):
    """act: set or back."""

    permission = PUBLISH
    http_method_names = ["post"]

    def post(self, request: HttpRequest, update_id: int) -> HttpResponse:
        update, now = find_update(update_id), timezone.now()
        if request.POST.get("act") == "back":
            set_times.take_back(update=update, actor=self.actor, now=now)
            messages.success(request, "It goes out when somebody publishes it.")
            return redirect(draft_url(update))
        form = TimeForm(request.POST)
        if not form.is_valid():
            return self._compose(update, Shown(status=422, more={"time_form": form}))
        if refused := self._too_many(update, None):
            return refused
        try:
            made = set_times.set_time(update=update, at=form.moment, actor=self.actor, now=now)
        except TimelineError as refusal:
            return self._compose(update, Shown(status=422, refusal=str(refusal), more={"time_form": form}))
        messages.success(request, f"It goes out by itself {both_clocks(made.at)}.")
        return redirect(draft_url(update))
