"""The freeze at the desk: a page with one switch; the banner on every page lifts it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from incidents import rights
from statuspage import freezing
from statuspage.admin.base import require


def view(request: HttpRequest, site: AdminSite) -> HttpResponse:
    actor = require(request, rights.FREEZE)
    refusal = ""
    if request.method == "POST":
        try:
            if request.POST.get("act") == "lift":
                freezing.unfreeze(actor=actor, now=timezone.now())
                messages.success(request, "The freeze is lifted: what falls due goes out by itself again.")
            else:
                freezing.freeze(reason=request.POST.get("reason", ""), actor=actor, now=timezone.now())
            return redirect("admin:index")
        except freezing.FreezeRefused as refused:
            refusal = str(refused)
    context = {**site.each_context(request), "title": "Freeze", "refusal": refusal}
    return TemplateResponse(request, "admin/desk/freeze.html", context, status=422 if refusal else 200)
