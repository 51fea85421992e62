"""By which way somebody came in: their address past our own proxies, and the second factor of their sign-in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from incidents import audit
from statuspage.snapshot import headers

METHODS = "account_authentication_methods"  # where allauth keeps, in a session, how its person signed in


def client_of(request: HttpRequest) -> str:
    """Who asks. Behind our own proxies the address the outermost noted; what a client wrote before that proves nothing."""
    if not settings.TRUSTED_PROXIES:
        return str(request.META.get("REMOTE_ADDR", ""))
    noted = [part.strip() for part in str(request.headers.get("X-Forwarded-For", "")).split(",")]
    return noted[-settings.TRUSTED_PROXIES] if len(noted) >= settings.TRUSTED_PROXIES else ""


def is_from_our_page(*, fetch_site: str, origin: str, ours: Collection[str]) -> bool:
    """Pure: was a form sent from a page of ours, by the browser's own word (headers; "" where it sends none)?

    Sec-Fetch-Site wins: a page that names itself to nobody (Referrer-Policy: no-referrer) posts `Origin: null` even to its own
    site. A form of ours is always of the same origin: no neighbour's (same-site), and nobody types a POST (none). Who says
    neither is refused: an old browser or a program looks no different from a form elsewhere.
    """
    if fetch_site:
        return fetch_site == "same-origin"
    return origin in ours


def was_sent_by_our_page(request: HttpRequest) -> bool:
    """`request`: a POST. Ours are the public address and the one that was asked, which ALLOWED_HOSTS has let through."""
    public = urlsplit(settings.BASE_URL)
    return is_from_our_page(
        fetch_site=request.headers.get("Sec-Fetch-Site", ""),
        origin=request.headers.get("Origin", ""),
        ours=(f"{public.scheme}://{public.netloc}", f"{request.scheme}://{request.get_host()}"),
    )


def factors_of(request: HttpRequest) -> list[tuple[str, float]]:
    """Each second factor given in this session, with its epoch second, the oldest first."""
    return [(str(one.get("type")), float(one["at"])) for one in request.session.get(METHODS, []) if one.get("method") == "mfa"]


def door_of(request: HttpRequest) -> audit.Door:
    factors = factors_of(request)
    return audit.Door(address=client_of(request)[:45], factor=factors[-1][0] if factors else "none")


class Doors:
    """What is logged while a request is answered came in by its door; what goes out asks for nothing of a device."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit.through(lambda: door_of(request)):
            answer = self.get_response(request)
        answer.headers.setdefault("Permissions-Policy", headers.PERMISSIONS)
        answer.headers.setdefault("Content-Security-Policy", headers.POLICY)  # where a page has none of its own: 404, 400
        return answer
