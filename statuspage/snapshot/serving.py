"""Snapshot files served before Django's stack, from memory: no database, no session, no template.

The embedded default's stand-in for nginx: the same files, the same choice between fresh and stale, the same ETags and headers.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from incidents.languages import codes
from incidents.public_ids import PATTERN
from statuspage import api_v2
from statuspage.rendering import prefix_of
from statuspage.snapshot import faces, headers, quarters, swapping
from statuspage.snapshot.building import FRESH, STALE, folder_of
from statuspage.snapshot.parts import STANDING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFERRED = ("br", "gzip")
ON_THE_SHELF = 512  # files kept in memory for one generation
NO_SNAPSHOT = (
    "We cannot show the status right now. Please try again in a minute.\n"
    "Hatuwezi kuonyesha hali ya huduma kwa sasa. Tafadhali jaribu tena baada ya dakika moja.\n"
)
WRITE_API = "/api/v1/"  # Django's, but for the one file of it that is ours
WITH_QUERY = "/history.json"  # the one address whose answer hangs on what stands after its question mark
NOT_FOUND_JSON = b'{"error":"not found"}'
_ABOUT_NOW_FILES = {
    "/": "index.html",
    "/text/": "text.txt",
    "/poster": "poster.html",
}
_STANDING = tuple(f"/{name}" for name in STANDING)
_API = {f"api/v2/{name}": name in api_v2.LISTS for name in api_v2.ADDRESSES} | {
    "api/v1/status.json": False
}  # file: whether it lies in the shard of pages

Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]
Asked = tuple[str, str, bool, bool]  # path, what encodings are taken, whether by https, whether the fresh form may be served


@dataclass(frozen=True, slots=True)
class Representation:
    """The bytes of one file on disk with what nginx would say of them."""

    content: bytes
    etag: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A file and its twins, by encoding, the one to prefer first."""

    plain: Representation
    packed: dict[str, Representation]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address leads: a file about now (in its two forms) or one that has one form; `in_pages`: in the shard of pages.
    `otherwise`: the page there that is shown where there is no such file: of planned work, whose ids Statuspage's clients
    look for among the incidents' too."""

    file: str
    about_now: bool
    in_pages: bool = False
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A whole answer, for whoever asks the same again: with the file, and without it for who has it already."""

    sent: Representation
    headers: Headers
    headers_when_known: Headers


class Shelf:
    """The files of one generation that were asked for, and the answers made of them."""

    def __init__(self, generation: Path) -> None:
        self.generation = generation
        self._copies: dict[str, Copy] = {}
        self._ready: dict[Asked, Ready] = {}

    def take(self, file: str) -> Copy | None:
        """None when the generation has no such file."""
        found = self._copies.get(file)
        if found is None:
            found = _read(self.generation / file)
            if found is not None:
                if len(self._copies) >= ON_THE_SHELF:
                    self._copies.clear()
                self._copies[file] = found
        return found

    def ready(self, asked: Asked) -> Ready | None:
        return self._ready.get(asked)

    def keep_ready(self, asked: Asked, ready: Ready) -> None:
        if len(self._ready) >= ON_THE_SHELF:
            self._ready.clear()
        self._ready[asked] = ready


class SnapshotFirst:
    """WSGI: answer GET and HEAD of snapshot files, hand everything else to `app`."""

    def __init__(self, app: WSGIApplication, directory: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.app = app
        self.directory = directory or Path(settings.SNAPSHOT_DIR)
        self.clock = clock
        self._current_link = str(self.directory / "current")
        self._live_links = str(self.directory / "live")
        self._shelf: tuple[str, Shelf] | None = None  # with what `current` leads to

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return self.app(environ, start_response)
        path = environ.get("PATH_INFO", "")
        by_https, live = _came_by_https(environ), self._is_live()
        asked = path, environ.get("HTTP_ACCEPT_ENCODING", ""), by_https, live
        shelf = self._current()
        ready = shelf.ready(asked) if shelf else None
        answer = _say(ready, environ) if ready else self._answer(asked, shelf, environ)
        if answer is None:
            return self.app(environ, start_response)
        status, listed, content = answer
        start_response(status, listed)
        return [] if method == "HEAD" else [content]

    def _answer(self, asked: Asked, shelf: Shelf | None, environ: WSGIEnvironment) -> Answer | None:
        """None when the address is not ours."""
        found = self._find(asked, shelf, environ)
        if found is None:
            return None
        if isinstance(found, Ready):
            return _say(found, environ)
        status, listed, content = found
        *_, by_https, _ = asked
        return status, [*listed, *(headers.BY_HTTPS if by_https else ()), ("Content-Length", str(len(content)))], content

    def _find(self, asked: Asked, shelf: Shelf | None, environ: WSGIEnvironment) -> Ready | Answer | None:
        path, taken, by_https, live = asked
        if path in _without_slash():
            return "301 Moved Permanently", [("Location", f"{path}/"), ("Content-Type", "text/plain")], b""
        place = _quarter_of(environ.get("QUERY_STRING", "")) if path == WITH_QUERY else place_of(path)
        if place is None and path.startswith(WRITE_API):
            return None
        if place is None:
            return _not_found_json() if path.lower().startswith("/api/") else None
        if shelf is None:
            return _unavailable()
        for file in self._files(place, live):
            copy = shelf.take(file)
            if copy is not None:
                ready = _make_ready(copy, place, taken=taken, by_https=by_https)
                if path != WITH_QUERY:
                    shelf.keep_ready(asked, ready)
                return ready
        return _unavailable() if place.about_now and not place.in_pages else _missing(shelf, place)

    def _files(self, place: Place, live: bool) -> list[str]:
        """What to try, in nginx's order: the fresh form while it is live, then the stale one."""
        file = f"pages/{place.file}" if place.in_pages else place.file
        if not place.about_now:
            first = self._of_incident(file) if file.startswith("ids/") else f"{swapping.ARCHIVE}/{file}"
            return [first, *([f"{swapping.ARCHIVE}/pages/{place.otherwise}"] if place.otherwise else [])]
        return [f"{FRESH}/{file}", f"{STALE}/{file}"] if live else [f"{STALE}/{file}"]

    def _of_incident(self, file: str) -> str:
        """ids/<id>/<file>, by the link ids/<id> -> ../current/archive/incidents/<month>/<id>, inside this generation."""
        _, public_id, name = file.split("/", 2)
        try:
            month = Path(os.readlink(self.directory / "ids" / public_id)).parent.name
        except OSError:
            return f"{swapping.ARCHIVE}/incidents/none"
        return f"{swapping.ARCHIVE}/incidents/{month}/{public_id}/{name}"

    def _current(self) -> Shelf | None:
        """The shelf of the generation `current` names now. One reading of a link: cheap enough for every request."""
        try:
            target = os.readlink(self._current_link)
        except OSError:
            self._shelf = None  # a snapshot made from nothing counts its generations anew
            return None
        shelf = self._shelf
        if shelf is None or shelf[0] != target:
            shelf = self._shelf = target, Shelf(self.directory / target)
        return shelf[1]

    def _is_live(self) -> bool:
        """swapping.is_live, without making a path of it for each request."""
        return os.path.lexists(f"{self._live_links}/{int(self.clock()) // swapping.SLOT}")


# --- Addresses ---------------------------------------------------------------------------------

_INCIDENT = re.compile(rf"/incidents/(?P<id>{PATTERN})(?:(?P<json>\.json)|(?P<review>/review))?")


def place_of(path: str) -> Place | None:
    """Where an address leads; None when it is no snapshot file's. /api/ in any case; everything else to the letter."""
    if path.lower().startswith("/api/"):
        file = path.lower()[1:]
        return Place(file, about_now=True, in_pages=_API[file]) if file in _API else None
    for language in reversed(codes()):  # the first language has no prefix: it is asked last
        prefix = prefix_of(language)
        if path.startswith(f"{prefix}/"):
            return _place_in(path[len(prefix) :], folder_of(language))
    return None


def _place_in(path: str, folder: str) -> Place | None:
    if path in _ABOUT_NOW_FILES:
        return Place(f"{folder}{_ABOUT_NOW_FILES[path]}", about_now=True)
    if path in _STANDING or path in ("/history", "/uptime", "/answers"):
        return Place(f"{folder}{path[1:]}.html", about_now=False, in_pages=True)
    for pattern, about_now in ((faces.ABOUT_NOW, True), (faces.KEPT, False)):
        if face := pattern.fullmatch(path):
            return Place(f"{folder}{face[1]}", about_now=about_now, in_pages=True)
    if path.startswith("/components/"):
        found = re.fullmatch(r"/components/([a-zA-Z0-9_-]{1,60})", path)
        name = f"components/{found[1]}/page" if found else "none"
        return Place(f"{folder}{name}.html", about_now=True, in_pages=True)
    if path.startswith("/history/"):
        name = path[1:] if re.fullmatch(r"/history/\d{4}-\d{2}", path) else "none"
        return Place(f"{folder}{name}.html", about_now=False, in_pages=True)
    if path.startswith("/answers/"):
        name = path[1:] if re.fullmatch(r"/answers/[a-z0-9-]{1,110}", path) else "none"
        return Place(f"{folder}{name}.html", about_now=False, in_pages=True)
    if path.startswith("/maintenance/"):
        name = path[1:] if re.fullmatch(rf"/maintenance/{PATTERN}", path) else "none"
        return Place(f"{folder}{name}.html", about_now=False, in_pages=True)
    if path.startswith("/incidents/"):
        found = _INCIDENT.fullmatch(path)
        if found is None or (found["json"] and folder):
            return Place("ids/none/none.json" if path.endswith(".json") else "none.html", about_now=False)
        public_id = found["id"]
        if found["review"]:
            return Place(f"ids/{public_id}/{folder}{public_id}.review.html", about_now=False)
        ending = ".json" if found["json"] else ".html"
        planned = f"{folder}maintenance/{public_id}{ending}"
        return Place(f"ids/{public_id}/{folder}{public_id}{ending}", about_now=False, otherwise=planned)
    if path == faces.FRAME:
        return Place(f"{folder}embed/frame.html", about_now=True, in_pages=True)
    if path in faces.UNTRANSLATED and not folder:
        return Place(path[1:], about_now=False, in_pages=True)
    if path == "/uptime.csv" and not folder:
        return Place("uptime.csv", about_now=False, in_pages=True)
    if path == "/record.jsonl" and not folder:
        return Place("record/record.jsonl", about_now=False)
    return None


def _quarter_of(query: str) -> Place:
    """The page of /history.json that ?page= asks for: the first one unless it is a number, as in nginx's map."""
    asked = re.search(r"(?:^|&)page=([^&]*)", query)
    number = int(asked[1]) if asked and re.fullmatch(r"0*[1-9]\d{0,3}", asked[1]) else 1
    return Place(quarters.file_of(number), about_now=False, in_pages=True, otherwise=quarters.BEYOND)


def _without_slash() -> set[str]:
    languages = [prefix_of(code) for code in codes()]
    return {*filter(None, languages), *(f"{prefix}/text" for prefix in languages)}


# --- Answers -----------------------------------------------------------------------------------


def _read(path: Path) -> Copy | None:
    plain = _represent(path)
    found = {encoding: _represent(path.with_name(path.name + swapping.TWINS[encoding])) for encoding in PREFERRED}
    return Copy(plain, {encoding: one for encoding, one in found.items() if one}) if plain else None


def _represent(path: Path) -> Representation | None:
    """A file with nginx's ETag: the hexadecimal mtime and size of the very file that is sent."""
    try:
        with path.open("rb") as handle:
            content = handle.read()
            mtime = int(os.fstat(handle.fileno()).st_mtime)
    except OSError:
        return None
    return Representation(content, f'"{mtime:x}-{len(content):x}"', formatdate(mtime, usegmt=True))


def _make_ready(copy: Copy, place: Place, *, taken: str, by_https: bool) -> Ready:
    accepted = _accepted(taken) if copy.packed else frozenset()
    encoding = next((name for name in copy.packed if name in accepted), "")
    sent = copy.packed[encoding] if encoding else copy.plain
    listed = [
        *headers.headers_for(place.file, about_now=place.about_now),
        ("ETag", sent.etag),
        ("Last-Modified", sent.last_modified),
    ]
    if copy.packed:
        listed.append(("Vary", "Accept-Encoding"))
    if by_https:
        listed += headers.BY_HTTPS
    known = [pair for pair in listed if pair[0] != "Content-Type"]
    if encoding:
        listed.append(("Content-Encoding", encoding))
    return Ready(sent, [*listed, ("Content-Length", str(len(sent.content)))], known)


def _say(ready: Ready, environ: WSGIEnvironment) -> Answer:
    if _is_known(ready.sent, environ):
        return "304 Not Modified", ready.headers_when_known, b""
    return "200 OK", ready.headers, ready.sent.content


@lru_cache(maxsize=256)
def _accepted(header: str) -> frozenset[str]:
    """The encodings a reader takes."""
    taken = set()
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if re.fullmatch(r"\s*q=0(\.0*)?\s*", parameters) is None:
            taken.add(name.strip().removeprefix("x-"))
    return frozenset(taken)


def _came_by_https(environ: WSGIEnvironment) -> bool:
    """To us, or to a proxy before us that says so: who lies about it harms nobody, since browsers heed it over https alone."""
    return environ.get("wsgi.url_scheme") == "https" or environ.get("HTTP_X_FORWARDED_PROTO", "") == "https"


def _is_known(sent: Representation, environ: dict[str, Any]) -> bool:
    """Has the reader this very file? If-None-Match wins over If-Modified-Since, which must be exactly our time, as in nginx."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return tags.strip() == "*" or sent.etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    return environ.get("HTTP_IF_MODIFIED_SINCE") == sent.last_modified


def _missing(shelf: Shelf, place: Place) -> Answer:
    if place.file.endswith(".json") and place.file.startswith(("api/", "ids/")):
        return _not_found_json()
    page = shelf.take(f"{swapping.ARCHIVE}/pages/404.html")
    listed = headers.headers_for("404.html", about_now=True)
    return "404 Not Found", listed, page.plain.content if page else b"Not found\n"


def _not_found_json() -> Answer:
    return "404 Not Found", headers.headers_for("error.json", about_now=True), NOT_FOUND_JSON


def _unavailable() -> Answer:
    """There is nothing to show, and no pretending: the one answer without a time in it."""
    listed = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Retry-After", "10"),
        *headers.ALWAYS,
    ]
    return "503 Service Unavailable", listed, NO_SNAPSHOT.encode()
