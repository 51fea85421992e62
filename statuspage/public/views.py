"""The only public pages that write: subscribe, confirm, manage, unsubscribe. No cookie, no session; a token in the path says who.

Following a link changes nothing, since scanners follow links: each page has a button.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from incidents.languages import codes
from statuspage.doors import client_of, was_sent_by_our_page
from statuspage.public import choices
from statuspage.rendering import prefix_of, render
from statuspage.snapshot import headers, parts
from subscribers import ended_webhooks, endpoints, floods, links, subscriptions, webhook_trials, wishes
from subscribers.addresses import AddressError
from subscribers.models import Payload, Subscriber, SubscriberState
from subscribers.sent import sent_to
from subscribers.wishes import Wishes

log = logging.getLogger(__name__)

# Which text they agreed to: the form that showed it says so in a hidden field, beside its words.
_WORDING = re.compile(r"[a-z]{3,20}-\d{1,3} [a-z]{2,3}", re.ASCII)
NO_NUMBER = "a form without its number"  # open since before forms had one: it came from our page all the same
HONEYPOT = "website"
EMAIL_FIELDS = ("email", "subscriber[email]")
# Where an address stands, and which channel it is of: our own form names the channel, Statuspage's field says it.
ADDRESS_FIELDS = {"subscriber[phone_number]": "sms", "subscriber[endpoint]": "webhook"}

NOT_AN_ADDRESS = {
    "email": gettext_noop("Write the email address in full, like name@example.com"),
    "sms": gettext_noop("Write the phone number in full, like +254711000111"),
}
NOT_A_HOOK = gettext_noop("Copy the whole address of the webhook. It begins with https:// and leads to a host on the internet.")

View = Callable[..., HttpResponse]


def _private(view: View, referrer: str = "no-referrer") -> View:
    """Answers for one reader: never kept by a cache, never named to another site, never listed by a search engine. `referrer`:
    the policy; a page whose address holds a token is named to nobody.

    While the database is away they say so, in the reader's language.
    """

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except DatabaseError as error:
            log.error("What a reader asked for could not be done (%s).", type(error).__name__)
            language = kwargs["language"]
            response = _page("away", language=language, path=request.path_info.removeprefix(prefix_of(language)), status=503)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = referrer
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


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For every address that leads nowhere: the page that says so in every language, without a database."""
    response = HttpResponse(parts.not_found(), status=404)
    for name, value in headers.headers_for("404.html", about_now=True):
        response[name] = value
    return response


# --- Subscribe ---------------------------------------------------------------------------------


# The form shown again must be able to say where it is sent from: under no-referrer a browser says `Origin: null`.
_private_form = functools.partial(_private, referrer="same-origin")


@csrf_exempt  # the form is a static file without a token: the browser says where it was sent from
@_private_form
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest, language: str) -> HttpResponse:
    """The form, and what it posts from a page of ours. The answer is the same whether the address is known or not."""
    if request.method != "POST":
        return _page("subscribe", language=language, path="/subscribe", services=choices.services())
    language = _language(request, language)
    if not was_sent_by_our_page(request):
        return _page("refused", language=language, path="/subscribe", status=403)
    channel, address = _address(request)
    done = functools.partial(_page, "subscribe_done", language=language, path="/subscribe", email=address, channel=channel)
    if request.POST.get(HONEYPOT):
        return done()  # a machine filled in what people cannot see
    again = functools.partial(
        _page,
        "subscribe",
        language=language,
        path="/subscribe",
        email=address,
        channel=channel,
        services=choices.services(),
        ticked=choices.ticked(request.POST),
    )
    with override(language):
        unknown, too_many, away = (
            gettext("We have no such service. Open this page anew and choose again."),
            gettext("Many people are signing up right now. Please try again in an hour."),
            gettext("We cannot take this right now. Please try again in a few minutes."),
        )
        not_an_address = gettext(NOT_AN_ADDRESS.get(channel, NOT_A_HOOK))
        not_offered = gettext("We do not send that way. Choose another.")
    if channel not in choices.offered():
        return again(status=400, error=not_offered)
    payload = request.POST.get("payload", "")
    if "subscriber[endpoint]" in request.POST:
        payload = Payload.STATUSPAGE.value
    try:
        subscriptions.subscribe(
            address=address,
            channel=channel,
            language=language,
            wanted=choices.asked(request.POST),
            payload=payload if payload in Payload.values else Payload.HALI.value,
            source={"ip": client_of(request), "wording": _wording(request), "by": "page"},
            now=timezone.now(),
        )
    except choices.UnknownChoice:
        return again(status=400, error=unknown)
    except AddressError:
        return again(status=400, error=not_an_address)
    except floods.TooMany as refusal:
        response = again(status=429, error=too_many)
        response["Retry-After"] = str(int(refusal.retry_after.total_seconds()))
        return response
    except DatabaseError as error:
        log.error("Nobody could be signed up (%s).", type(error).__name__)
        return again(status=503, error=away)
    return done()


def _wording(request: HttpRequest) -> str:
    said = request.POST.get("wording", "")
    return said if _WORDING.fullmatch(said) else NO_NUMBER


def _address(request: HttpRequest) -> tuple[str, str]:
    """(channel, address) as typed."""
    for name, channel in ADDRESS_FIELDS.items():
        if request.POST.get(name):
            return channel, request.POST[name].strip()
    channel = request.POST.get("channel") or "email"
    names = EMAIL_FIELDS if channel == "email" else ("address",)
    return channel, next((request.POST[name] for name in names if request.POST.get(name)), "").strip()


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
    return _page("confirm", language=language, path=path, known=True, done=done, **_confirmed(subscriber, language))


def _confirmed(subscriber: Subscriber, language: str) -> dict[str, Any]:
    done = subscriber.state == SubscriberState.ACTIVE
    path = f"{prefix_of(language)}/manage/{links.manage_tail(subscriber)}" if done else ""
    return {"manage_path": path, "channel": subscriber.channel}


@csrf_exempt  # the code proves more than a cookie would
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_code(request: HttpRequest, language: str) -> HttpResponse:
    """The six digits of an SMS: they confirm, and lead who has confirmed to their own page, since no SMS has room for a link.

    A wrong code and an unknown number get the same answer.
    """
    if request.method != "POST":
        return _page("subscribe_done", language=language, path="/confirm/code", email="", channel="sms")
    address = request.POST.get("address", "").strip()
    try:
        subscriber = subscriptions.confirm_by_code(
            address=address, code=request.POST.get("code", ""), now=timezone.now(), ip=client_of(request)
        )
    except AddressError:
        subscriber = None
    if subscriber is None:
        again: dict[str, Any] = {"email": address, "channel": "sms", "wrong": True}
        return _page("subscribe_done", language=language, path="/subscribe", status=400, **again)
    return _page("confirm", language=language, path="/subscribe", known=True, done=True, **_confirmed(subscriber, language))


# --- Unsubscribe -------------------------------------------------------------------------------


@csrf_exempt  # mail programs post here by themselves (RFC 8058)
@_private
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str, language: str) -> HttpResponse:
    """A page with a button; a POST, from it or from a mail program, stops the mails. A second one changes nothing."""
    path = f"/u/{token}"
    if links.public_id_in(token, links.UNSUBSCRIBE) is None:
        return _page("unsubscribe", language=language, path=path, status=404, known=False, channel="email")
    subscriber = subscriptions.find(token, links.UNSUBSCRIBE)  # None: erased, which has stopped the mails as well
    if request.method == "POST" and subscriber:
        subscriptions.unsubscribe(subscriber=subscriber, now=timezone.now())
    done = subscriber is None or subscriber.state == SubscriberState.UNSUBSCRIBED
    channel = subscriber.channel if subscriber else "email"
    return _page("unsubscribe", language=language, path=path, known=True, done=done, channel=channel)


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
    saved, secret, mistyped, tried = False, "", "", ""
    also = choices.beside(request.GET.get("also", ""), subscriber)
    if request.method == "POST" and request.POST.get("action") == "begin_again":
        ended_webhooks.begin_again(subscriber=subscriber, now=timezone.now())
    active = subscriber.state == SubscriberState.ACTIVE
    if request.method == "POST" and active:
        try:
            if request.POST.get("action") == "send_test" and subscriber.channel == "webhook":
                tried = _try_webhook(subscriber, language)
            else:
                saved, secret = _act(request, subscriber, also)
        except AddressError:
            mistyped = request.POST.get("contact", "")
        language = subscriber.language if saved else language
    with override(language):
        shown = choices.shown(subscriber, language)
        no_address = NOT_AN_ADDRESS["email"]
        error = gettext(no_address) if mistyped else ""
        asked_beside = choices.names(choices.beside(request.GET.get("also", ""), subscriber), language)
    return _page(
        "manage",
        language=language,
        path=path,
        status=400 if mistyped else 200,
        known=True,
        saved=saved,
        secret=secret,
        error=error,
        mistyped=mistyped,
        tried=tried,
        ended=ended_webhooks.has_ended(subscriber),
        has_contact=endpoints.has_contact(subscriber),
        active=active,
        asked_beside=asked_beside,
        channel=subscriber.channel,
        has_secret_to_show=subscriber.channel == "webhook" and endpoints.may_show(subscriber),
        sent=sent_to(subscriber, language),
        chosen_language=subscriber.language,
        unsubscribe_path=f"{prefix_of(language)}/u/{links.token_for(subscriber, links.UNSUBSCRIBE)}",
        export_path=f"{prefix_of(language)}{path}/export",
        **shown,
    )


def _act(request: HttpRequest, subscriber: Subscriber, also: Wishes | None) -> tuple[bool, str]:
    """(whether something was saved, a secret to show once). `also`: what their link asks for beside. Raises AddressError."""
    act, now = request.POST.get("action", "save"), timezone.now()
    if act == "show_secret" and subscriber.channel == "webhook":
        return False, endpoints.show_once(subscriber=subscriber, now=now)
    if act == "rotate_secret" and subscriber.channel == "webhook":
        return False, endpoints.rotate(subscriber=subscriber, now=now)
    if act == "name_contact" and subscriber.channel == "webhook":
        endpoints.name_contact(subscriber=subscriber, address=request.POST.get("contact", ""))
        return True, ""
    if act == "begin_again":
        return True, ""  # done before
    if act == "add":
        wanted = wishes.together(wishes.of(subscriber), also) if also else None
        subscriptions.change(subscriber=subscriber, wanted=wanted, now=now)
        return also is not None, ""
    subscriptions.change(
        subscriber=subscriber,
        language=_language(request, subscriber.language),
        wanted=choices.changed(request.POST, subscriber),
        now=now,
    )
    return True, ""


def _try_webhook(subscriber: Subscriber, language: str) -> str:
    """What became of a test event, in their words."""
    try:
        done = webhook_trials.send(subscriber=subscriber, now=timezone.now())
    except webhook_trials.TooSoon:
        done = None
    with override(language):
        if done is None:
            return gettext("A test was sent a moment ago. Try again in half a minute.")
        if done.was_taken:
            return gettext("Your webhook took it.")
        if done.status is None:
            return gettext("We could not reach your webhook, or may not post there.")
        return gettext("Your webhook answered %(status)s and did not take it.") % {"status": done.status}


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
