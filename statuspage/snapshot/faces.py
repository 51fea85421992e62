"""The parts that programs read: the API's lists, feeds, badges, calendars, CAP. Each is made anew only when what it says has changed."""

from __future__ import annotations

from incidents.languages import codes
from statuspage import api_v2
from statuspage.page_lately import Lately
from statuspage.snapshot.building import FRESH, STALE
from statuspage.snapshot.parts import Halves, Part, key_of

FORMS = (FRESH, STALE)


def parts_of(said: Lately) -> dict[str, Part]:
    return api(said)


def api(said: Lately) -> dict[str, Part]:
    """The lists of the Statuspage-compatible API. They carry the states of now, so any change makes them anew."""
    return {"api": Part(key_of(said), lambda: _api_files(said))}


def _api_files(said: Lately) -> Halves:
    return {
        form: {f"api/v2/{name}": api_v2.list_json(name, said, language=codes()[0], stale=form == STALE) for name in api_v2.LISTS}
        for form in FORMS
    }
