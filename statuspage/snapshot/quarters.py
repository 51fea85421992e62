"""The pages of /history.json: one file a calendar quarter, numbered from the running one backwards.

Only quarters that something was said of are made anew; all of them, a few at a time, when a new quarter has begun, which moves
every number, and when a service is named otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from incidents import statuspage_v2
from incidents.languages import codes
from incidents.periods import Quarter
from statuspage import api_v2, history_json, page_history, page_quarters
from statuspage.page import NowPage
from statuspage.page_quarters import QuarterPage
from statuspage.snapshot.parts import ARCHIVE, Halves, Part, is_made_with_this, key_of
from statuspage.snapshot.swapping import PartEntry

BEYOND = "history/quarter-none.json"  # every page after the last one
AT_ONCE = 4


def file_of(number: int) -> str:
    return f"history/quarter-{number}.json"


def parts_of(
    page: NowPage, before: Mapping[str, PartEntry], owed: Collection[str], *, behind: bool, now: datetime
) -> tuple[dict[str, Part], int]:
    """(those to look at, how many are left to a later refresh). `owed`: the months in which problems began of which something was
    said. A problem stands where it ended, so every quarter since is looked at. `behind`: not all of the archive is there."""
    running = page_quarters.running(now)
    common = key_of(page.identity, running, [(one.public_id, one.name, one.group.public_id) for one in page.components])
    known = {int(name.removeprefix("quarter ")): entry for name, entry in before.items() if name.startswith("quarter ")}
    made = {number for number, entry in known.items() if entry.key.startswith(common) and is_made_with_this(entry.key)}
    wanted = {1}
    if owed:
        wanted |= _back_to(Quarter.of(page_history.first_of(min(owed))), now)
    every = set(known)
    if behind or made != every or not known:
        every |= _back_to(min({*page_quarters.quarters(), running}), now)
    waiting = sorted(every - made - wanted)
    chosen = {*wanted, *waiting[:AT_ONCE]}
    found = {f"quarter {number}": _part(number, running.earlier(number - 1), common, page, now) for number in chosen}
    length = max(every | wanted)
    found["quarters"] = Part(f"{common}{length}", lambda _: _beyond(page, running.earlier(length - 1)))
    return found, len(waiting[AT_ONCE:])


def _back_to(quarter: Quarter, now: datetime) -> set[int]:
    return set(range(1, page_quarters.page_number(quarter, now) + 1))


def _part(number: int, quarter: Quarter, common: str, page: NowPage, now: datetime) -> Part:
    built = page_quarters.build_quarter(quarter, now=now)
    return Part(f"{common}{key_of(built)}", lambda _: _files(number, built, page))


def _files(number: int, built: QuarterPage, page: NowPage) -> Halves:
    return {ARCHIVE: {file_of(number): history_json.page_json(built, _owner(page), page.components)}}


def _beyond(page: NowPage, last: Quarter) -> Halves:
    return {ARCHIVE: {BEYOND: history_json.past_the_end(_owner(page), page.components, last)}}


def _owner(page: NowPage) -> statuspage_v2.Page:
    return api_v2.identified(page.identity, codes()[0], page.updated_at)
