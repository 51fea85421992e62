"""Devices that ring: one's own browsers, each asked on itself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from statuspage import web_push
from statuspage.admin.addresses import whole
from statuspage.admin.views import DeskView
from statuspage.models import PushDevice
from subscribers.transports.base import TransportError


class PushView(DeskView):
    permission = "statuspage.view_staffalert"
    template = "push.html"
    title = "Devices that ring"
    in_focus = False

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(devices=PushDevice.objects.filter(person=self.actor), push_key=web_push.public_key())

    def post(self, request: HttpRequest) -> HttpResponse:
        """act: add (from the browser's script), remove or try."""
        act, now = request.POST.get("act", ""), timezone.now()
        if act == "add":
            return self._add(request)
        if act == "remove":
            device = get_object_or_404(PushDevice, person=self.actor, pk=whole(request.POST.get("device", "")))
            web_push.remove(person=self.actor, device_id=device.pk, now=now)
            messages.success(request, "It does not ring any more.")
        elif act == "try":
            words = {"title": "It works", "body": "Alerts reach you here.", "url": reverse("admin:push"), "tag": "trial"}
            try:
                count = web_push.ring(person=self.actor, message=words)
            except TransportError as refusal:
                messages.error(request, f"It did not ring: {refusal}")
            else:
                messages.success(request, f"{count} of your devices ring now.")
        return redirect("admin:push")

    def _add(self, request: HttpRequest) -> HttpResponse:
        posted, agent = request.POST, request.headers.get("User-Agent", "")
        try:
            web_push.add(
                person=self.actor,
                endpoint=posted.get("endpoint", ""),
                p256dh=posted.get("p256dh", ""),
                auth=posted.get("auth", ""),
                name=_named(agent),
                now=timezone.now(),
            )
        except web_push.PushRefused as refusal:
            return JsonResponse({"refused": str(refusal)}, status=422)
        messages.success(request, "This device rings when you are called.")
        return JsonResponse({})


def _named(agent: str) -> str:
    """A device in a word or two: “Firefox on Android”."""
    browser = next((name for name in ("Firefox", "Edg", "Chrome", "Safari") if name in agent), "A browser")
    system = next((name for name in ("Android", "iPhone", "Windows", "Mac OS", "Linux") if name in agent), "")
    return f"{browser.replace('Edg', 'Edge')} on {system}" if system else browser
