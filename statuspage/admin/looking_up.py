"""One address at the desk: who writes or calls us about it is helped without a list of addresses being open to anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from incidents import rights
from statuspage.admin.base import require_any
from statuspage.admin.document_forms import choice, line
from statuspage.admin.subscribers import WHY
from statuspage.admin.views import DeskView
from statuspage.templatetags.desk import first_text, headline
from subscribers import floods, looking_up, wishes
from subscribers.addresses import LONGEST, AddressError
from subscribers.channels import CHANNELS
from subscribers.looking_up import Held, NotDone
from subscribers.models import Subscriber, SubscriberState, Suppressed
from subscribers.sent import sent_to

STATES = {
    SubscriberState.PENDING: "Asked, and has not confirmed yet",
    SubscriberState.ACTIVE: "Hears from us",
    SubscriberState.UNSUBSCRIBED: "Has left",
    SubscriberState.SUSPENDED: "Suspended: hears nothing, until they subscribe and confirm again",
}


class AddressForm(forms.Form):
    channel = choice("By which way", [(name, channel.desk) for name, channel in CHANNELS.items()])
    address = line("Address or number, in full", required=True, most=LONGEST + 1800)


@method_decorator(sensitive_post_parameters("address"), name="dispatch")
class LookUpView(DeskView):
    """Find one address, say what we hold of it, and act on it. By POST alone: no address stands in a URL or in a log."""

    permission = "subscribers.view_subscriber"
    template = "look_up.html"
    title = "One address"
    in_focus = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        require_any(request, *rights.RIGHTS["subscriber.look_up"])
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(form=AddressForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form, now = AddressForm(request.POST), timezone.now()
        if not form.is_valid():
            return self.page(status=422, form=form)
        given = form.cleaned_data
        try:
            if act := _ACTS.get(request.POST.get("act", "")):
                return self._act(form, act, now)
            held = looking_up.look_up(**given, actor=self.actor, now=now)
        except AddressError as error:
            form.add_error("address", str(error))
            return self.page(status=422, form=form)
        return self._show(form, held)

    def _act(self, form: AddressForm, act: _Act, now: datetime) -> HttpResponse:
        held = looking_up.find(**form.cleaned_data, now=now)
        try:
            done = act(self, held, form.cleaned_data["address"], now)
        except (NotDone, floods.TooMany) as refusal:
            return self._show(form, held, status=409, refusal=str(refusal))
        return self._show(form, looking_up.find(**form.cleaned_data, now=now), done=done)

    def _lift(self, held: Held, address: str, now: datetime) -> str:
        looking_up.lift(held=held, reason=self.request.POST.get("reason", ""), actor=self.actor, now=now)
        return "Lifted. They hear nothing by it: they subscribe again, and confirm."

    def _suppress(self, held: Held, address: str, now: datetime) -> str:
        looking_up.suppress(held=held, reason=self.request.POST.get("reason", ""), actor=self.actor, now=now)
        return "Nothing is sent there any more, and what waited is not sent."

    def _ask(self, held: Held, address: str, now: datetime) -> str:
        language = self.request.POST.get("language", "")
        looking_up.ask(held=held, address=address, language=language, actor=self.actor, now=now)
        if held.hears:
            return "The way to their own page is on its way to them, and to nobody else."
        return "They are asked to confirm. They hear nothing until they do."

    def _note(self, held: Held, address: str, now: datetime) -> str:
        looking_up.note(held=held, words=self.request.POST.get("words", ""), actor=self.actor, now=now)
        return "Noted. They read it in their copy of what we hold; it goes when they leave."

    def _show(self, form: AddressForm, held: Held, *, status: int = 200, **more: Any) -> HttpResponse:
        subscriber = held.subscriber
        suppressed = held.suppression
        is_there = subscriber is not None and subscriber.state != SubscriberState.UNSUBSCRIBED
        return self.page(
            status=status,
            form=form,
            held=held,
            channel=CHANNELS[held.channel].desk,
            state=STATES[SubscriberState(subscriber.state)] if subscriber else "",
            follows=_follows(subscriber) if subscriber else "",
            notes=list(subscriber.notes.select_related("by")) if subscriber else [],
            may_note=is_there and rights.may(self.actor, "subscriber.note"),
            sent=sent_to(subscriber, settings.LANGUAGE_CODE) if subscriber else [],
            why=WHY[Suppressed(suppressed.reason)] if suppressed else "",
            may_change=rights.may(self.actor, "subscriber.suppress"),
            may_ask=rights.may(self.actor, "subscriber.ask") and not held.is_barred,
            languages=settings.LANGUAGES,
            **more,
        )


_Act = Callable[[LookUpView, Held, str, datetime], str]
_ACTS: dict[str, _Act] = {
    "lift": LookUpView._lift,
    "suppress": LookUpView._suppress,
    "ask": LookUpView._ask,
    "note": LookUpView._note,
}


def _follows(subscriber: Subscriber) -> str:
    """The services, groups and incidents they named, else the whole page; and which kinds of news."""
    held = wishes.of(subscriber)
    named = [first_text(component.name) for component in held.components]
    named += [first_text(group.name) for group in held.groups] + [headline(incident) for incident in held.incidents]
    kinds = ", ".join(sorted(kind.value.replace("_", " ") for kind in held.kinds))
    return f"{', '.join(named) or 'the whole page'} ({kinds})"
