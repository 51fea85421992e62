"""The only public pages that write: subscribe, confirm, manage, unsubscribe. No cookie, no session; a token in the path says who.

Following a link changes nothing, since scanners follow links: each page has a button.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from incidents.languages import by_language, codes
from incidents.models import Component
from incidents.public_ids import PATTERN
from statuspage.rendering import prefix_of, render
from statuspage.snapshot import headers, parts
from subscribers import links, subscriptions, wishes
from subscribers.addresses import AddressError
from subscribers.models import Subscriber, SubscriberState
from subscribers.wishes import Wishes

# Which text they agreed to; count it up whenever the words of the form change.
WORDING = "subscribe-1"
HONEYPOT = "website"
EMAIL_FIELDS = ("email", "subscriber[email]")
COMPONENT_FIELDS = ("component", "component_id", "subscriber[component_id]")

View = Callable[..., HttpResponse]


def _private(view: View) -> View:
    """Answers for one reader: never kept by a cache, never named to another site, never listed by a search engine."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        response["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response

    return answer


def _page(template: str, *, language: str, path: str, status: int = 200, **context: Any) -> HttpResponse:
    return HttpResponse(render(f"public/{template}.html", language=language, path=path, **context), status=status)


def _language(request: HttpRequest, of_path: str) -> str:
    """The page's language: what the form says, else the path."""
    asked = request.POST.get("language") or request.POST.get("lang") or ""
    return asked if asked in codes() else of_path


def client_of(request: HttpRequest) -> str:
    """Who asks. Behind our own proxy the last address it noted; what a client wrote before that proves nothing."""
    if settings.SECURE_PROXY_SSL_HEADER:
        return str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _components(public_ids: Iterable[str]) -> list[Component]:
    """Those of the named services that the public may see."""
    well_formed = [public_id for public_id in public_ids if re.fullmatch(PATTERN, public_id)]
    return list(Component.objects.published().filter(public_id__in=well_formed))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For every address that leads nowhere: the page that says so in every language, without a database."""
    response = HttpResponse(parts.not_found(), status=404)
    for name, value in headers.headers_for("404.html", about_now=True):
        response[name] = value
    return response


# --- Subscribe ---------------------------------------------------------------------------------


@csrf_exempt  # the form is a static file; all it can do is to send one mail with a link
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest, language: str) -> HttpResponse:
    """The form, and what it posts. The answer is the same whether the address is known or not."""
    if request.method != "POST":
        return _page("subscribe", language=language, path="/subscribe")
    language = _language(request, language)
    email = next((request.POST[name] for name in EMAIL_FIELDS if request.POST.get(name)), "").strip()
    done = functools.partial(_page, "subscribe_done", language=language, path="/subscribe", email=email)
    if request.POST.get(HONEYPOT):
        return done()  # a machine filled in what people cannot see
    wanted = {public_id for name in COMPONENT_FIELDS for public_id in request.POST.getlist(name) if public_id}
    components = _components(wanted)
    with override(language):
        unknown, not_an_address, too_many = (
            gettext("We have no such service. Open this page anew and choose again."),
            gettext("Write the email address in full, like name@example.com"),
            gettext("Many people are signing up right now. Please try again in an hour."),
        )
    again = functools.partial(_page, "subscribe", language=language, path="/subscribe", email=email)
    if len(components) < len(wanted):
        return again(status=400, error=unknown)
    try:
        subscriptions.subscribe(
            address=email,
            language=language,
            wanted=Wishes(components=components),
            source={"ip": client_of(request), "wording": f"{WORDING} {language}"},
            now=timezone.now(),
        )
    except AddressError:
        return again(status=400, error=not_an_address)
    except subscriptions.TooMany as refusal:
        response = again(status=429, error=too_many)
        response["Retry-After"] = str(int(refusal.retry_after.total_seconds()))
        return response
    return done()


# --- Confirm -----------------------------------------------------------------------------------


@csrf_exempt  # the token proves more than a cookie would
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str, language: str) -> HttpResponse:
    """The page behind the link, with a button; the button confirms."""
    now = timezone.now()
    if request.method == "POST":
        subscriber = subscriptions.confirm(token=token, now=now, ip=client_of(request))
    else:
        subscriber = subscriptions.waiting_for(token, now=now)
    path = f"/confirm/{token}"
    if subscriber is None:
        return _page("confirm", language=language, path=path, status=404, known=False)
    done = subscriber.state == SubscriberState.ACTIVE
    manage_path = f"{prefix_of(language)}/manage/{links.token_for(subscriber, links.MANAGE)}" if done else ""
    return _page("confirm", language=language, path=path, known=True, done=done, manage_path=manage_path)


# --- Unsubscribe -------------------------------------------------------------------------------


@csrf_exempt  # mail programs post here by themselves (RFC 8058)
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str, language: str) -> HttpResponse:
    """A page with a button; a POST, from it or from a mail program, stops the mails. A second one changes nothing."""
    path = f"/u/{token}"
    if links.public_id_in(token, links.UNSUBSCRIBE) is None:
        return _page("unsubscribe", language=language, path=path, status=404, known=False)
    subscriber = subscriptions.find(token, links.UNSUBSCRIBE)  # None: erased, which has stopped the mails as well
    if request.method == "POST" and subscriber:
        subscriptions.unsubscribe(subscriber=subscriber, now=timezone.now())
    done = subscriber is None or subscriber.state == SubscriberState.UNSUBSCRIBED
    return _page("unsubscribe", language=language, path=path, known=True, done=done)


# --- Manage ------------------------------------------------------------------------------------


@csrf_exempt  # the token proves more than a cookie would
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def manage(request: HttpRequest, token: str, language: str) -> HttpResponse:
    """Language and services; a copy of what we hold; being forgotten."""
    subscriber = subscriptions.find(token, links.MANAGE)
    path = f"/manage/{token}"
    if subscriber is None:
        gone = links.public_id_in(token, links.MANAGE) is not None
        return _page("manage", language=language, path=path, status=404, known=False, gone=gone)
    if request.method == "POST" and request.POST.get("action") == "erase":
        subscriptions.erase(subscriber=subscriber, now=timezone.now())
        return _page("manage", language=language, path=path, known=False, gone=True)
    saved = False
    if request.method == "POST" and subscriber.state == SubscriberState.ACTIVE:
        _save(request, subscriber)
        language, saved = subscriber.language, True
    return _page(
        "manage",
        language=language,
        path=path,
        known=True,
        saved=saved,
        active=subscriber.state == SubscriberState.ACTIVE,
        chosen_language=subscriber.language,
        follows_all=not any(subscriber.subscriptions.values_list("component", "group", "incident").first() or ()),
        groups=_choices(subscriber, language),
        unsubscribe_path=f"{prefix_of(language)}/u/{links.token_for(subscriber, links.UNSUBSCRIBE)}",
        export_path=f"{prefix_of(language)}{path}/export",
    )


def _save(request: HttpRequest, subscriber: Subscriber) -> None:
    """All services, or those that are ticked; none ticked means all: to hear nothing there is the other button."""
    wanted = [] if request.POST.get("all") else request.POST.getlist("component")
    subscriptions.change(
        subscriber=subscriber,
        language=_language(request, subscriber.language),
        wanted=replace(wishes.of(subscriber), components=_components(wanted), groups=()),
        now=timezone.now(),
    )


def _choices(subscriber: Subscriber, language: str) -> list[dict[str, Any]]:
    """The services by group, ticked where followed, in page order."""
    followed = set(subscriber.subscriptions.values_list("component_id", flat=True))
    groups: dict[int, dict[str, Any]] = {}
    for component in Component.objects.published():
        group = groups.setdefault(component.group_id, {"name": by_language(component.group.name)[language], "components": []})
        group["components"].append(
            {
                "public_id": component.public_id,
                "name": by_language(component.name)[language],
                "chosen": component.pk in followed,
            }
        )
    return list(groups.values())


@_private
@require_safe
def export(request: HttpRequest, token: str, language: str) -> HttpResponse:
    """All we hold about this subscriber, as a JSON file."""
    subscriber = subscriptions.find(token, links.MANAGE)
    if subscriber is None:
        return _page("manage", language=language, path=f"/manage/{token}", status=404, known=False, gone=False)
    response = JsonResponse(subscriptions.export(subscriber), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="subscription.json"'
    return response
