"""Signing in, second factors, sessions: allauth's addresses, and the page behind an invitation."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from statuspage.admin import invitations

urlpatterns: list[URLPattern | URLResolver] = [
    path("invitation/<str:uid>/<str:token>/", invitations.accept, name="accept_invitation"),
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
]
if settings.OIDC:
    urlpatterns += [
        path("", include("allauth.socialaccount.urls")),
        path("", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]
