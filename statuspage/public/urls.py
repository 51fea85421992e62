"""Addresses of the small web face, once per language: the first configured one without a prefix, the next under /sw/."""

from __future__ import annotations

from django.urls import URLPattern, path

from incidents.languages import codes
from statuspage.public import callbacks, phones, pushes, views
from statuspage.rendering import prefix_of


def _of(language: str) -> list[URLPattern]:
    prefix = prefix_of(language).lstrip("/")
    start = f"{prefix}/" if prefix else ""
    here = {"language": language}
    return [
        path(f"{start}subscribe", views.subscribe, here, name=f"subscribe-{language}"),
        path(f"{start}confirm/code", views.confirm_code, here, name=f"confirm-code-{language}"),
        path(f"{start}confirm/<str:token>", views.confirm, here, name=f"confirm-{language}"),
        path(f"{start}u/<str:token>", views.unsubscribe, here, name=f"unsubscribe-{language}"),
        path(f"{start}manage/<str:token>", views.manage, here, name=f"manage-{language}"),
        path(f"{start}manage/<str:token>/export", views.export, here, name=f"export-{language}"),
    ]


urlpatterns: list[URLPattern] = [
    *(pattern for language in codes() for pattern in _of(language)),
    path("callbacks/<str:token>", callbacks.take),
    path("callbacks/<str:token>/validation", callbacks.validate),
    path("callbacks/<str:token>/<str:correlation>", callbacks.take),
    path("callbacks/<str:token>/<str:correlation>/timeout", callbacks.take, {"in_queue_timeout": True}),
    path("callbacks/<str:token>/<str:correlation>/code/<str:code_field>", callbacks.take),
    path("callbacks/<str:token>/by/<str:id_field>/<str:code_field>", callbacks.take),
    path("phone/<str:token>/ussd", phones.dial),
    *(path(f"phone/<str:token>/{what}", phones.take, {"what": what}) for what in ("reports", "texts", "opt-outs")),
    path("push/<slug:code>", pushes.take),
    path("subscriptions", views.subscribe, {"language": codes()[0]}, name="subscriptions"),  # where Statuspage's own form posts
]
