"""The pages of /history.json: one file a calendar quarter, numbered from the running one backwards.

Only a quarter that something was said of is made anew; all of them when a new quarter has begun, which moves every number, and
when a service is named otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from incidents import statuspage_v2
from incidents.languages import codes
from incidents.periods import Quarter
from statuspage import api_v2, history_json, page_quarters
from statuspage.page import NowPage
from statuspage.page_quarters import QuarterPage
from statuspage.snapshot.parts import ARCHIVE, Halves, Part, key_of
from statuspage.snapshot.swapping import PartEntry

BEYOND = "history/quarter-none.json"  # every page after the last one


def file_of(number: int) -> str:
    return f"history/quarter-{number}.json"


def parts_of(page: NowPage, before: Mapping[str, PartEntry] | None, touched: Iterable[str], *, now: datetime) -> dict[str, Part]:
    """Those to look at: all of them where nothing is known of `before`, else those that the `touched` incidents stand in."""
    running = page_quarters.running(now)
    common = key_of(page.identity, running, [(one.public_id, one.name, one.group.public_id) for one in page.components])
    known = _numbers(before or {})
    touched = set(touched)
    if before is None or not known or not before[_name(1)].key.startswith(common):
        quarters = {*page_quarters.quarters_of(), running}
        wanted = set(range(1, page_quarters.page_number(min(quarters), now) + 1))
        length = len(wanted)
    else:
        wanted = {page_quarters.page_number(quarter, now) for quarter in page_quarters.quarters_of(touched)} if touched else set()
        wanted |= {1} | {number for number in known if touched & set(before[_name(number)].about)}
        length = max(known | wanted)
        wanted |= set(range(max(known) + 1, length))  # one further back than any before: the pages between are empty
    built = {number: page_quarters.build_quarter(running.earlier(number - 1), now=now) for number in wanted}
    found = {_name(number): _part(number, one, common, page) for number, one in built.items()}
    return found | {"quarters": Part(f"{common}{length}", lambda: _beyond(page, running.earlier(length - 1)))}


def _part(number: int, built: QuarterPage, common: str, page: NowPage) -> Part:
    about = tuple(one.public_id for month in built.months for one in month.problems)
    return Part(f"{common}{key_of(built)}", lambda: _files(number, built, page), about)


def _files(number: int, built: QuarterPage, page: NowPage) -> Halves:
    return {ARCHIVE: {file_of(number): history_json.page_json(built, _owner(page), page.components)}}


def _beyond(page: NowPage, last: Quarter) -> Halves:
    return {ARCHIVE: {BEYOND: history_json.past_the_end(_owner(page), page.components, last)}}


def _owner(page: NowPage) -> statuspage_v2.Page:
    return api_v2.identified(page.identity, codes()[0], page.updated_at)


def _name(number: int) -> str:
    return f"quarter {number}"


def _numbers(entries: Mapping[str, PartEntry]) -> set[int]:
    return {int(name.removeprefix("quarter ")) for name in entries if name.startswith("quarter ")}
