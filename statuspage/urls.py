"""What the app answers itself; the public page is served before it, from the snapshot."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern

from statuspage import health, metrics


def _when_asked(route: str, urlconf: str, namespace: str | None = None) -> URLResolver:
    """`include` that loads its module at the first request for it: at rest, a web process has no desk in memory (22 MB)."""
    return URLResolver(RoutePattern(route), urlconf, app_name=namespace, namespace=namespace)


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    *([path("anymail/", include("anymail.urls"))] if settings.MAIL_WEBHOOK_SECRET else []),
    _when_asked("api/v1/", "statuspage.api.urls"),
    _when_asked("admin/", "statuspage.admin.urls", "admin"),
    _when_asked("accounts/", "statuspage.admin.account_urls"),
    path("", include("statuspage.public.urls")),
]
handler404 = "statuspage.public.views.not_found"
