"""What the app answers itself; the public page is served before it, from the snapshot."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from statuspage import health, metrics
from statuspage.admin.site import desk

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("metrics", metrics.metrics),
    path("admin/", desk.urls),
    *([path("anymail/", include("anymail.urls"))] if settings.MAIL_WEBHOOK_SECRET else []),
    path("", include("statuspage.public.urls")),
]
handler404 = "statuspage.public.views.not_found"
