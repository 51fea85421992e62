"""How long a sign-in holds at the desk: one shift, not idle, with a second factor, and fresh for signing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from statuspage.doors import factors_of

DESK, ACCOUNTS = "/admin/", "/accounts/"
FACTOR_HOLDS = 4 * 60 * 60  # seconds: signing asks for the factor again after that
SEEN_EVERY = 60  # seconds: how exactly idleness is counted
BEGAN, SEEN = "hali_began", "hali_seen"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class Sessions:
    """Asked for pages of the desk and of accounts only; readers of the public page have no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith((DESK, ACCOUNTS)):
            return self.get_response(request)
        answer = self._turned_away(request) or self.get_response(request)
        answer.headers.setdefault("Cache-Control", "no-store")
        if request.path.startswith(ACCOUNTS):
            answer.headers.setdefault("Content-Security-Policy", POLICY)
            answer.headers.setdefault("Referrer-Policy", "same-origin")
        return answer

    def _turned_away(self, request: HttpRequest) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User):
            return None
        if lapsed := _lapse(request):
            logout(request)
            messages.info(request, lapsed)
            return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("admin:index"))
        if request.path.startswith(DESK) and must_enrol(user) and not request.path.endswith("/logout/"):
            messages.warning(request, "Set up a second factor first: a passkey, or an app that shows codes.")
            return HttpResponseRedirect(reverse("mfa_index"))
        return None

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Pages that sign ask for the factor again when it was given long ago; what was posted is done after that."""
        match = request.resolver_match
        if settings.DEMO or match is None or match.namespace != "admin" or not is_signing(match.url_name or ""):
            return None
        factors = factors_of(request)
        if not isinstance(request.user, User) or (factors and time.time() - factors[-1][1] < FACTOR_HOLDS):
            return None
        from allauth.account.internal.flows.reauthentication import suspend_request  # only here: it loads what signs in

        answer: HttpResponse = suspend_request(request, reverse("mfa_reauthenticate"))
        return answer


def frame(request: HttpRequest) -> dict[str, Any]:
    """What account pages say of the copy they belong to."""
    if not request.path.startswith(ACCOUNTS):
        return {}
    return {
        "desk_title": f"{settings.PROVIDER_NAME} desk",
        "desk_provider": settings.PROVIDER_NAME,
        "desk_mark": settings.MARK,
        "desk_demo": settings.DEMO,
    }


def is_signing(url_name: str) -> bool:
    """Does a page of the desk sign words? Its name says so."""
    return url_name.endswith(("_sign", "_sign_after", "_approve"))


def must_enrol(user: User) -> bool:
    """Has this person no second factor yet? Demo copies do without, and the desk says so in red."""
    if settings.DEMO:
        return False
    from allauth.mfa.utils import is_mfa_enabled

    return not is_mfa_enabled(user)


def _lapse(request: HttpRequest) -> str:
    """Why the session ends now, or "". Counts what people do: pages they open, forms they send; no refresh by itself."""
    now, session = int(time.time()), request.session
    began, seen = session.get(BEGAN), session.get(SEEN)
    if began is None or seen is None:
        session[BEGAN], session[SEEN] = now, now
        return ""
    if now - began >= settings.SESSION_COOKIE_AGE:
        return "Your shift of 12 hours is over: sign in again."
    if now - seen >= settings.IDLE_MINUTES * 60:
        return f"You were away for more than {settings.IDLE_MINUTES} minutes: sign in again."
    if now - seen >= SEEN_EVERY and _is_by_hand(request):
        session[SEEN] = now
    return ""


def _is_by_hand(request: HttpRequest) -> bool:
    return request.method != "GET" or request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
