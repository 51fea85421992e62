"""One POST to a subscriber's URL: to the address that was just judged, within 15 seconds in all, never on to anywhere else.

libcurl does it, since it is told which address a name has and keeps a total deadline against a server that drips.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django.conf import settings

from subscribers import destinations
from subscribers.transports.base import TransportError

CONNECT_MS, TOTAL_MS = 5_000, 15_000
READ_AT_MOST = 4096  # octets of an answer; the rest is not read
LONGEST_WAIT = 24 * 3600.0  # seconds of a Retry-After that are believed
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
BUSY = (408, 425, 429)  # come back later; so does whatever is above 500


@dataclass(frozen=True, slots=True)
class Answer:
    """`retry_after`: seconds we were asked to wait; None: nothing was said."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None


class Poster:
    """Keeps connections open from one POST to the next. For one thread."""

    def __init__(self) -> None:
        self._curl: Any = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises TransportError: permanent where the URL may not be posted to. Its words hold no part of the URL."""
        try:
            destination = destinations.parse(url)
            address = destinations.checked_address(destination)
        except destinations.DestinationRefused as error:
            raise TransportError(str(error), permanent=True) from error
        except destinations.NameUnknown as error:
            raise TransportError(str(error)) from error
        return self._perform(destination.url, _pins(destination, address), body, headers)

    def post_to_provider(self, url: str, body: bytes, headers: Mapping[str, str], *, read_at_most: int) -> Answer:
        """To an address that the settings name, not a subscriber: it may lie anywhere. Raises TransportError."""
        return self._perform(url, [], body, headers, read_at_most)

    def close(self) -> None:
        if self._curl is not None:
            self._curl.close()
            self._curl = None

    def _perform(
        self, url: str, pins: list[str], body: bytes, headers: Mapping[str, str], read_at_most: int = READ_AT_MOST
    ) -> Answer:
        if settings.EXERCISE:
            raise TransportError("This is an exercise: nobody is contacted.", permanent=True)
        import pycurl  # with the first post: it is large, and few processes post

        curl = self._curl = self._curl or pycurl.Curl()
        curl.reset()  # keeps the connections
        heard, said = bytearray(), dict[str, str]()

        def take(chunk: bytes) -> int:
            heard.extend(chunk[: read_at_most - len(heard)])
            return len(chunk) if len(heard) < read_at_most else 0  # enough: libcurl lets go of the connection

        def note(line: bytes) -> None:
            name, _, value = line.decode("latin-1").partition(":")
            said[name.strip().lower()] = value.strip()

        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | pycurl.PROTO_HTTP)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PATH_AS_IS, 1)
        curl.setopt(pycurl.PROXY, "")  # none, whatever the environment says
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT_MS)
        curl.setopt(pycurl.TIMEOUT_MS, TOTAL_MS)
        curl.setopt(pycurl.CAINFO, certificates())
        curl.setopt(pycurl.RESOLVE, pins)
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.HTTPHEADER, _lines(headers))
        curl.setopt(pycurl.WRITEFUNCTION, take)
        curl.setopt(pycurl.HEADERFUNCTION, note)
        try:
            curl.perform()
        except pycurl.error as error:
            if not (error.args[0] == pycurl.E_WRITE_ERROR and len(heard) >= read_at_most):
                raise TransportError(_in_words(error.args[0])) from error
        except UnicodeError as error:
            raise TransportError("The URL or a header has letters outside ASCII.", permanent=True) from error
        return Answer(int(curl.getinfo(pycurl.RESPONSE_CODE)), bytes(heard), _seconds(said.get("retry-after", "")))


def certificates() -> str:
    """The file of authorities that a host's certificate must come from."""
    import certifi

    return certifi.where()


def _pins(destination: destinations.Destination, address: str) -> list[str]:
    """libcurl asks no name server for this host: it has this address, and no other from an earlier time."""
    place = f"{destination.host}:{destination.port}"
    return [f"-{place}", f"{place}:{f'[{address}]' if ':' in address else address}"]


def _lines(headers: Mapping[str, str]) -> list[str]:
    """Nothing that a field holds can begin another header. An empty one is not sent."""
    every = {"Content-Type": "application/json", "User-Agent": "Hali-notify/1", "Expect": "", **headers}
    clean = {name: _CONTROL.sub(" ", value) for name, value in every.items()}
    return [f"{name}: {value}" if value else f"{name}:" for name, value in clean.items()]


def _in_words(code: int) -> str:
    import pycurl

    words = {
        pycurl.E_COULDNT_CONNECT: "The host refused the connection.",
        pycurl.E_OPERATION_TIMEDOUT: "The host did not answer in time.",
        pycurl.E_PEER_FAILED_VERIFICATION: "The host's certificate is not its own, or not valid.",
        pycurl.E_SSL_CONNECT_ERROR: "The host and we agree on no TLS.",
        pycurl.E_GOT_NOTHING: "The host closed the connection without an answer.",
    }
    return words.get(code, f"The connection to the host broke ({code}).")


def _seconds(retry_after: str, now: datetime | None = None) -> float | None:
    """Retry-After as a number of seconds or as a date; nonsense is nothing."""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", retry_after):
        return believed(float(retry_after))
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return believed((moment - (now or datetime.now(UTC))).total_seconds())


def believed(seconds: float) -> float | None:
    """A wait between nothing and a day; None for what is no number."""
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def require_taken(answer: Answer, *, gone: tuple[int, ...] = (410,)) -> None:
    """Raises TransportError for whatever is no 2xx; a redirect is a refusal like any other. `gone`: the URL is no more."""
    if 200 <= answer.status < 300:
        return
    if answer.status in gone:
        raise TransportError(f"The host says that this URL is no more ({answer.status}).", gone=True)
    if 300 <= answer.status < 400:
        raise TransportError(f"The host sends us elsewhere ({answer.status}); we follow nobody.", permanent=True)
    is_passing = answer.status >= 500 or answer.status in BUSY
    words = f"The host did not take it ({answer.status})."
    raise TransportError(words, permanent=not is_passing, retry_after=answer.retry_after)
