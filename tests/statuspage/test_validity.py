"""Every file of a snapshot by the rules of its format, whatever people wrote in every field: CAP by its schema, Atom by RFC 4287,
pages by a strict parser of HTML."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import html5lib
import pytest
from html5lib.constants import E as MESSAGES

from incidents import merging
from incidents.languages import in_all
from incidents.models import (
    AffectedComponent,
    Announcement,
    Component,
    ComponentGroup,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Rebuttal,
    Redress,
    Review,
    ScheduledMaintenance,
    Statement,
    Withdrawal,
)
from incidents.words import IncidentStatus
from statuspage import snapshot
from statuspage.snapshot.writing import PACKED_FROM
from tests import servers
from tests.factories import NOON, UserFactory
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
HOSTILE = (
    "<script>alert(1)</script> ]]> {{ 7*7 }} {% now %} & \" ' \\; , \x0b \u202edesrever\u202c \u2066apart\u2069 🙂 "
    "--><!-- </style></title></textarea> __proto__\nBEGIN:VEVENT\n" + "x" * 10_000
)
ATOM = "{http://www.w3.org/2005/Atom}"


def everything() -> None:
    """A snapshot with every kind of file."""
    part = rows.old_component(channels=["app"], areas=[1], owner="A bank")
    rows.change(part, "major_outage", 30)
    rows.change(part, "operational", 29)
    going_on = rows.publish(affected={part: "partial_outage"}, what_to_do=in_all(rows.both("Wait.")), share_affected=20).incident
    rows.publish(incident=going_on, status="identified", at=NOON + timedelta(minutes=1))
    double = rows.publish(affected={part: "partial_outage"}, at=NOON + timedelta(minutes=2)).incident
    merging.merge(incident=double, into=going_on, actor=UserFactory(), now=NOON + timedelta(minutes=3))
    over = rows.publish(at=NOON - timedelta(days=2), affected={part: "major_outage"}).incident
    rows.publish(incident=over, at=NOON - timedelta(days=1), status=IncidentStatus.RESOLVED, affected={part: "operational"})
    rows.statement(going_on)
    rows.withdrawal(rows.statement(going_on, "money"), at=NOON + timedelta(minutes=2))
    rows.redress(going_on)
    answered = rows.rebuttal(incident=going_on)
    rows.rebuttal(before=answered, incident=going_on, at=NOON + timedelta(minutes=3))
    rows.review(over)
    rows.review(over, at=NOON + timedelta(minutes=4))
    words = in_all(rows.both("Callers ask for PINs"))
    warned = rows._public(Announcement(title=words, body=words, starts_at=NOON - timedelta(hours=1)), NOON)
    planned = plans.announced({part: "partial_outage"}, start=5, end=6)
    for of in ({"update": going_on.updates.first()}, {"announcement": warned}, {"planned": planned.updates.first()}):
        rows._public(Correction(body=words, beside={"name": words.data}, reason=words, **of), NOON + timedelta(minutes=5))
    snapshot.rebuild_all(now=NOON + timedelta(minutes=10))


def make_hostile() -> None:
    """The same words in every text that people write."""
    words = in_all({"en": HOSTILE, "sw": HOSTILE})
    ComponentGroup.objects.update(name=words)
    Incident.objects.update(name=words)
    AffectedComponent.objects.update(name=words)
    Component.objects.update(name=words, description=words, owner="<script>alert(1)</script>")
    ScheduledMaintenance.objects.update(name=words)
    MaintenanceUpdate.objects.update(body=words)
    IncidentUpdate.objects.update(body=words, what_to_do=words, who_affected=words, still_works=words)
    Statement.objects.update(body=words, scope=words)
    Withdrawal.objects.update(note=words)
    Redress.objects.update(who=words, how=words, complain=words)
    Announcement.objects.update(title=words, body=words)
    Correction.objects.update(body=words, beside={"name": words.data, "what_to_do": words.data}, reason=words)
    evidence = [{"what": words.data, "dated": "2026-11-24"}]
    legal = [{"act": HOSTILE, "section": HOSTILE, "says": words.data, "link": 'https://law.example/?a=1&b=<">'}]
    named = [{"body": HOSTILE, "said": {"en": HOSTILE, "sw": HOSTILE}, "dated": "2026-11-24"}]
    told = {name: words for name in Rebuttal.text_fields if name != "fact_headline"}
    Rebuttal.objects.update(claim_quote=HOSTILE, spokesperson="<script>", corroborations=named, evidence=evidence, **told)
    Rebuttal.objects.update(legal_basis=legal)
    prevention = [{"what": {"en": HOSTILE, "sw": HOSTILE}, "owner": {"en": HOSTILE, "sw": HOSTILE}, "by": "2026-12-01"}]
    Review.objects.update(prevention=prevention, **dict.fromkeys(Review.text_fields, words))


def files(folder: Path, ending: str = "") -> dict[str, bytes]:
    """{name: content} of the current generation, its shards too, without their packed twins."""
    current = folder / "current"
    found = {}
    for at, _, names in os.walk(current, followlinks=True):
        for name in names:
            if name.endswith(ending) and not name.endswith((".gz", ".br")) and name != "manifest.json":
                path = Path(at, name)
                found[str(path.relative_to(current))] = path.read_bytes()
    assert found
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both snapshots, {plain or hostile: its folder}, once they are written."""
    return {"root": tmp_path_factory.mktemp("validity")}


@pytest.fixture
def folders(kept: dict[str, Path], settings: Any) -> dict[str, Path]:
    """Written once, by the first test that asks."""
    if root := kept.pop("root", None):
        settings.SNAPSHOT_DIR = kept["plain"] = root / "plain"
        everything()
        settings.SNAPSHOT_DIR = kept["hostile"] = root / "hostile"
        make_hostile()
        snapshot.rebuild_all(now=NOON + timedelta(minutes=11))
    return kept


@pytest.fixture(params=["plain", "hostile"])
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


# --- CAP -------------------------------------------------------------------------------------------


@cache
def cap_schema() -> Any:
    """An xmlschema.XMLSchema; a second of importing, which every process that collects would spend."""
    import xmlschema

    return xmlschema.XMLSchema(Path(__file__).parents[1] / "fixtures" / "cap" / "CAP-v1.2-schema.xsd")


def test_every_cap_message_obeys_the_schema_and_the_rules_it_cannot_say(folder: Path) -> None:
    messages = files(folder, ".cap")
    assert len(messages) >= 5
    identifiers = Counter[str]()
    for name, raw in messages.items():
        assert [error.reason for error in cap_schema().iter_errors(raw.decode())] == [], name
        told = {element.tag.partition("}")[2]: element.text or "" for element in ElementTree.fromstring(raw)}
        identifiers[told["identifier"]] += 1
        for field in ("identifier", "sender"):
            assert not re.search(r"[\s,<&]", told[field]), (name, field)
        assert (told["msgType"] == "Alert") == ("references" not in told), name
        assert b"<severity>Extreme" not in raw, name
    assert set(identifiers.values()) == {1}


# --- Atom ------------------------------------------------------------------------------------------


def test_every_atom_feed_obeys_rfc_4287(folder: Path) -> None:
    for name, raw in files(folder, ".atom").items():
        feed = ElementTree.fromstring(raw)
        assert feed.tag == f"{ATOM}feed", name
        check_head(feed, name)
        assert feed.find(f"{ATOM}author/{ATOM}name") is not None, name
        assert [link for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"], name
        entries = feed.findall(f"{ATOM}entry")
        assert entries, name
        assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries), name
        for entry in entries:
            check_head(entry, name)
            moment(entry.findtext(f"{ATOM}published"))
            alternate = [link for link in entry.findall(f"{ATOM}link") if link.get("rel", "alternate") == "alternate"]
            assert len({(link.get("type"), link.get("hreflang")) for link in alternate}) == len(alternate) > 0, name
            content = entry.find(f"{ATOM}content")
            if content is not None and content.get("type") in ("html", "text"):
                assert len(content) == 0, f"{name}: what is escaped has no elements"


def check_head(element: ElementTree.Element, name: str) -> None:
    """Exactly one id, title and updated; an absolute id."""
    for field in ("id", "title", "updated"):
        assert len(element.findall(f"{ATOM}{field}")) == 1, (name, field)
    assert re.match(r"(tag|https?):", element.findtext(f"{ATOM}id") or ""), name
    moment(element.findtext(f"{ATOM}updated"))


def moment(text: str | None) -> None:
    assert text is not None
    assert re.search(r"T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", text), text
    datetime.fromisoformat(text)


# --- Pages -----------------------------------------------------------------------------------------


def complaints(raw: bytes) -> set[str]:
    parser = html5lib.HTMLParser()
    parser.parse(raw, transport_encoding="utf-8")
    return {f"{code} at {place}: {MESSAGES.get(code, '') % values}" for place, code, values in parser.errors}


def test_every_page_is_html_without_an_error(folder: Path) -> None:
    pages = files(folder, ".html")
    assert len(pages) > 40
    found = {name: said for name, raw in pages.items() if "/sw/" not in name and (said := complaints(raw))}
    assert found == {}


def test_the_checker_of_the_w3c_finds_no_error_on_any_page(folders: dict[str, Path]) -> None:
    """Nu Html Checker (vnu), from npm; it wants Java. CI has both, a workplace may do without."""
    jar, java = servers.npm_package("vnu-jar", "build", "dist", "vnu.jar"), servers.binary("java")
    pages = [str(folder / "current" / name) for folder in folders.values() for name in files(folder, ".html")]
    # A short life: what costs a Java program less in a minute than it gives back is left out.
    options = ["-Xss4m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    command = [java, *options, "-jar", str(jar), "--errors-only", "--format", "json", *pages]
    told = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False).stderr
    errors = {(one["message"], one.get("extract", "")[:80]) for one in json.loads(told)["messages"]}
    # A property of SVG 2, which the checker's list of CSS does not have.
    assert [one for one in errors if "vector-effect" not in one[0]] == []


def test_no_id_stands_twice_and_every_reference_has_its_element(folder: Path) -> None:
    for name, raw in files(folder, ".html").items():
        html = re.sub(r"<(style|script)\b.*?</\1>", "", raw.decode(), flags=re.S)
        ids = Counter(re.findall(r'<[^>]*?\sid="([^"]+)"', html))
        assert not [one for one, count in ids.items() if count > 1], name
        wanted = set(re.findall(r'<[^>]*?\s(?:xlink:href|href)="#([^"]+)"', html))
        wanted |= {one for listed in re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', html) for one in listed.split()}
        assert wanted <= set(ids), name


def test_every_link_of_a_feed_leads_to_an_element_of_its_page(folder: Path) -> None:
    found = files(folder)
    pages = {name.rpartition("/")[2].removesuffix(".html"): raw.decode() for name, raw in found.items() if name.endswith(".html")}
    linked = set()
    for raw in (raw for name, raw in found.items() if name.endswith(".atom")):
        linked |= set(re.findall(r'href="[^"]+/([^/"]+)#((u|s|v)[^"]*)"', raw.decode()))
    assert {kind for _, _, kind in linked} == {"u", "s", "v"}
    assert [place for page, place, _ in linked if f' id="{place}"' not in pages[page]] == []


# --- Hostile words ---------------------------------------------------------------------------------


def test_hostile_words_never_become_markup_in_any_file(folder: Path) -> None:
    """Whatever kind it is: a file that programs read has no script, no end of another's element, nothing that turns the text."""
    kinds = Counter[str]()
    for name, raw in files(folder).items():
        kind = name.rpartition(".")[2]
        kinds[kind] += 1
        if kind in ("png", "ico"):
            assert raw.startswith(b"\x89PNG" if kind == "png" else b"\0\0\1\0"), name
            continue
        text = raw.decode()
        if kind == "html":
            own = re.sub(r"<script>window\.uptimeData = .*?</script>|<script data-aged=\"[^\"<>]*\">", "", text, flags=re.S)
            assert "<script>" not in own, name
            assert "</style></title>" not in own, name
        elif kind in ("json", "jsonl"):
            for line in text.splitlines() if kind == "jsonl" else [text]:
                json.loads(line)
        elif kind in ("atom", "rss", "cap", "svg", "xml"):
            ElementTree.fromstring(raw)
            assert "<script" not in text, name
        elif kind == "ics":
            assert text.count("\r\nBEGIN:VEVENT") == 1, name
        assert "{% now %}" not in text or "{{ 7*7 }}" in text, f"{name}: no template ran"
        if kind not in ("json", "jsonl"):  # in them the words are as they were written
            assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x0b]", text), name
    assert set(kinds) == {
        *("html", "json", "jsonl", "atom", "rss", "cap", "svg", "xml", "ics", "txt", "csv", "js", "png", "ico"),
    }, "a new kind of file wants its rule here"


def test_a_packed_twin_says_the_same_as_its_file(folder: Path) -> None:
    packed = {name: raw for name, raw in files(folder).items() if len(raw) >= PACKED_FROM and not name.endswith((".png", ".ico"))}
    assert len(packed) > 20
    for name, raw in packed.items():
        assert gzip.decompress((folder / "current" / f"{name}.gz").read_bytes()) == raw, name
