"""Other pages' exports: told first, made once, as drafts in one language that says which it is."""

from __future__ import annotations

import io
import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.languages import by_language
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate, MaintenanceUpdate
from probes.models import Probe
from statuspage.importing import fetching
from statuspage.importing.found import NotThatFormat
from statuspage.models import Imported
from statuspage.roles import AUTHOR, ENGINEER
from tests.factories import ComponentFactory
from tests.statuspage.desk import someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "importing"
CAPTURED = Path(__file__).resolve().parent.parent / "fixtures" / "statuspage_v2"
GIVEN: dict[str, list[str]] = {
    "import_statuspage": [str(EXPORTS / "statuspage" / name) for name in ("summary.json", "incidents.json")],
    "import_cachet": [str(EXPORTS / "cachet" / name) for name in ("groups.json", "components.json", "incidents.json")],
    "import_uptime_kuma": [str(EXPORTS / "uptime_kuma" / "backup.json")],
    "import_cstate": [str(EXPORTS / "cstate")],
}


@pytest.fixture(autouse=True)
def _author() -> None:
    someone(AUTHOR, "asha")


def run(command: str, *more: str, files: list[str] | None = None) -> list[str]:
    out = io.StringIO()
    call_command(command, *(GIVEN[command] if files is None else files), "--author", "asha", *more, stdout=out)
    return out.getvalue().splitlines()


def rows() -> dict[str, int]:
    kinds = (Component, Incident, IncidentUpdate, MaintenanceUpdate, Probe, Imported, AuditEvent)
    return {kind.__name__: kind.objects.count() for kind in kinds}


@pytest.mark.parametrize("command", GIVEN)
def test_it_is_told_first_then_made_and_a_second_time_changes_nothing(command: str) -> None:
    before = rows()
    told = run(command)
    assert rows() == before
    assert "Nothing was made yet" in told[-1]
    made = run(command, "--apply")
    assert made[:-1] == told[:-1]
    after = rows()
    again = run(command, "--apply")
    assert rows() == after
    assert not [line for line in again if line.startswith("+")]
    assert Component.objects.filter(code="send-money").exists()


def test_an_incident_of_statuspage_becomes_a_silent_backfilled_draft_that_says_where_it_is_from() -> None:
    run("import_statuspage", "--apply")
    incident = Incident.objects.get()
    assert (incident.backfilled, incident.publication) == (True, "draft")
    assert incident.started_at == datetime(2026, 10, 20, 11, 27, 26, 249000, tzinfo=UTC)
    assert incident.resolved_at == datetime(2026, 10, 20, 13, 5, 42, 914000, tzinfo=UTC)
    update = incident.updates.get()
    assert (update.author.username if update.author else "", update.deliver_notifications) == ("asha", False)
    assert [(row.component.code, row.new_status) for row in update.affected.all()] == [("send-money", "major_outage")]
    words = by_language(update.body)
    assert words["en"].index("Payments fail for everyone.") < words["en"].index("Payments work again.")
    assert words["en"].endswith("Imported from Old Pesa Status, where it was published then.")
    assert Imported.objects.get(kind="incident").target == incident.public_id


def test_a_text_in_one_language_is_marked_in_every_other() -> None:
    run("import_statuspage", "--apply")
    assert by_language(Component.objects.get(code="send-money").name) == {"en": "Send money", "sw": "(English) Send money"}
    update = IncidentUpdate.objects.get()
    assert by_language(update.incident.name)["sw"] == "(English) Payments fail"
    assert by_language(update.body)["sw"].startswith("(English) 2026-10-20")


def test_what_is_not_over_is_left_there_and_told() -> None:
    assert any("Website is slow" in line and line.startswith("-") for line in run("import_statuspage"))
    assert any("Website is slow" in line and line.startswith("-") for line in run("import_cachet"))
    assert any("2026-11-01-website.md" in line and line.startswith("-") for line in run("import_cstate"))


def test_planned_work_to_come_becomes_a_draft_announcement() -> None:
    run("import_statuspage", "--apply")
    update = MaintenanceUpdate.objects.get()
    assert (update.publication, update.starts_at) == ("draft", datetime(2099, 1, 9, 22, tzinfo=UTC))
    assert [row.component.code for row in update.affected.all()] == ["send-money"]


def test_a_service_that_is_here_already_stands_for_theirs() -> None:
    here = ComponentFactory(code="send-money")
    run("import_cachet", "--apply")
    assert Component.objects.get(code="send-money").pk == here.pk
    assert by_language(Component.objects.get(code="send-money").name) == by_language(here.name)


def test_cachets_times_are_of_the_zone_that_is_named() -> None:
    run("import_cachet", "--apply", "--zone", "Africa/Nairobi")
    assert Incident.objects.get().started_at == datetime(2026, 9, 1, 9, tzinfo=UTC)


def test_monitors_become_probes_that_are_off_and_no_secret_comes_along() -> None:
    run("import_uptime_kuma", "--apply")
    probes = {probe.component.code: probe for probe in Probe.objects.select_related("component")}
    assert {code: (probe.kind, probe.enabled) for code, probe in probes.items()} == {
        "send-money": ("http", False),
        "database": ("tcp", False),
    }
    assert probes["send-money"].spec == {"url": "https://api.old.example/health", "body_contains": "ok"}
    held = [*Probe.objects.values(), *Component.objects.values(), *Imported.objects.values(), *AuditEvent.objects.values()]
    assert "hunter2" not in str(held)
    assert any("Nightly job" in line and line.startswith("-") for line in run("import_uptime_kuma"))


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURED.glob("*.json")))
def test_captured_pages_of_others_are_read(name: str) -> None:
    lines = run("import_statuspage", files=[str(CAPTURED / name)])
    assert any(line.startswith(("+", "-")) for line in lines)


WRONG: dict[str, Any] = {
    "no JSON": "{",
    "a list": "[]",
    "a string": '"page"',
    "another object": '{"page": {}}',
    "components that are none": '{"page": {"id": "x"}, "components": ["a"], "data": 3, "monitorList": [1]}',
    "no times": '{"page": {"id": "x"}, "incidents": [{"id": "a", "name": "b", "status": "resolved"}]}',
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("command", ["import_statuspage", "import_cachet", "import_uptime_kuma"])
def test_another_file_is_refused_in_one_line_and_nothing_is_made(command: str, case: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text(WRONG[case])
    before = rows()
    with pytest.raises(CommandError, match=r"Nothing was made\. .+") as refusal:
        run(command, "--apply", files=[str(tmp_path / "wrong.json")])
    assert "\n" not in str(refusal.value)
    assert rows() == before


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"config\.yml cannot be read"):
        run("import_cstate", files=[str(tmp_path)])
    (tmp_path / "config.yml").write_text("title: x\nparams: {systems: [{name: A}]}\n")
    (tmp_path / "content" / "issues").mkdir(parents=True)
    (tmp_path / "content" / "issues" / "bad.md").write_text("no front matter")
    with pytest.raises(CommandError, match=r"bad\.md: there is no front matter"):
        run("import_cstate", files=[str(tmp_path)])


def test_an_author_who_may_not_write_makes_nothing() -> None:
    someone(ENGINEER, "eve")
    with pytest.raises(CommandError, match="Your roles do not let you do this"):
        call_command("import_statuspage", *GIVEN["import_statuspage"], "--author", "eve", "--apply", stdout=io.StringIO())
    assert not Component.objects.exists()


def test_the_history_behind_the_files_is_asked_quarter_by_quarter() -> None:
    incidents = json.loads((EXPORTS / "statuspage" / "incidents.json").read_text())
    old = {**incidents["incidents"][0], "id": "inc000000000"}
    answers = {
        "/api/v2/components.json": {"page": incidents["page"], "components": []},
        "/api/v2/incidents.json": incidents,
        "/api/v2/scheduled-maintenances.json": {"page": incidents["page"], "scheduled_maintenances": []},
        "/history.json?page=1": {"months": [{"incidents": [{"code": "inc000000001"}, {"code": "inc000000000"}]}]},
        "/incidents/inc000000000.json": old,
    }
    asked: list[str] = []

    def get(address: str) -> Any:
        asked.append(address.removeprefix("https://old.example"))
        return answers[asked[-1]]

    files = fetching.fetch("https://old.example/", quarters=1, get=get)
    assert files[-1]["incidents"] == [old]
    assert asked == list(answers)


# --- Files that mean harm --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["import_statuspage", "import_cachet", "import_uptime_kuma"])
def test_whatever_stands_in_place_of_a_value_it_is_taken_or_refused_in_one_line(command: str, tmp_path: Path) -> None:
    """Each value of a real export in turn, replaced by something of another shape."""
    for number, name in enumerate(GIVEN[command]):
        whole = json.loads(Path(name).read_text())
        for place in list(_places(whole))[::13]:
            other = HOSTILE_VALUES[len(str(place)) % len(HOSTILE_VALUES)]
            (tmp_path / "changed.json").write_text(json.dumps(_put(whole, place, other)))
            files = [str(tmp_path / "changed.json") if at == number else one for at, one in enumerate(GIVEN[command])]
            assert "\n" not in _refusal(command, files), (place, other)
    assert not Imported.objects.exists()


def _refusal(command: str, files: list[str]) -> str:
    """What it says instead of taking these; "" where it takes them."""
    try:
        run(command, files=files)
    except CommandError as refusal:
        return str(refusal)
    return ""


HOSTILE_VALUES: list[Any] = [
    7,
    [],
    {},
    None,
    True,
    "x" * 300,
    "\ud800",
    -1e300,
    ["a"],
    {"id": {}},
    "9999-12-31T23:59:59-23:59",
    10**400,
]


def _places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*before, key)
        yield from _places(one, (*before, key))


def _put(whole: Any, place: tuple[Any, ...], other: Any) -> Any:
    changed = json.loads(json.dumps(whole))
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = other
    return changed


def a_site(folder: Path, config: str = "params: {systems: [{name: Send money}]}\n", issue: str = "") -> list[str]:
    (folder / "content" / "issues").mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(config)
    if issue:
        (folder / "content" / "issues" / "one.md").write_text(issue)
    return [str(folder)]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{two}: &{two} [{', '.join([f'*{one}'] * 9)}]\n" for one, two in itertools.pairwise("abcdefghij")
)
FRONT = "---\nsection: issue\ntitle: T\ndate: 2026-01-02\nresolved: true\nresolvedWhen: 2026-01-03\n"


@pytest.mark.parametrize(
    ("config", "issue", "says"),
    [
        (f"{BOMB}title: *j\nparams: {{systems: [{{name: A}}]}}\n", "", "is no YAML"),
        ("a: " + "[" * 2000, "", "is no YAML"),
        ("params: {systems: [3]}\n", "", "another shape"),
        ("params: {systems: [{name: A}]}\n", "---" + "\n" * 300_000, "no front matter"),
        ("params: {systems: [{name: A}]}\n", f"{FRONT}affected: 7\n---\n", "another shape"),
    ],
    ids=["a bomb of references", "deep", "numbers", "lines without end", "no list"],
)
def test_a_site_that_means_harm_is_refused_at_once(tmp_path: Path, config: str, issue: str, says: str) -> None:
    with pytest.raises(CommandError, match=says) as refusal:
        run("import_cstate", files=a_site(tmp_path, config, issue))
    assert "\n" not in str(refusal.value)


def test_shortcodes_without_end_take_no_time(tmp_path: Path) -> None:
    a_site(tmp_path, issue=f"{FRONT}---\n{'{{<' * 300_000}")
    with pytest.raises(CommandError, match="more than 50000 characters"):
        run("import_cstate", files=[str(tmp_path)])


def test_a_link_out_of_the_site_brings_in_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("---\nsection: issue\ntitle: hunter2\n---\n")
    files = a_site(tmp_path / "site")
    (tmp_path / "site" / "content" / "issues" / "one.md").symlink_to(outside)
    with pytest.raises(CommandError, match="leads out of the folder"):
        run("import_cstate", files=files)


def test_two_services_whose_names_make_one_code_stay_two(tmp_path: Path) -> None:
    """Names in another script have no letter that a code keeps."""
    page = {
        "page": {"id": "p", "name": "P"},
        "components": [{"id": str(n), "name": name} for n, name in enumerate(("支付", "退款"))],
    }
    (tmp_path / "page.json").write_text(json.dumps(page))
    run("import_statuspage", "--apply", files=[str(tmp_path / "page.json")])
    assert {row.code: by_language(row.name)["en"] for row in Component.objects.all()} == {"service": "支付", "service-2": "退款"}


def test_a_page_that_is_asked_leads_nowhere_else_and_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    server = HTTPServer(("127.0.0.1", 0), Leading)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(NotThatFormat, match=r"leads to .* give the page's own address"):
            fetching.fetch(f"{address}/elsewhere", quarters=0)
        with pytest.raises(NotThatFormat, match="answered more than"):
            fetching.fetch(address, quarters=0)
    finally:
        server.shutdown()
        server.server_close()


class Leading(BaseHTTPRequestHandler):
    """Leads elsewhere below /elsewhere/, and says more than anybody wants to hear everywhere else."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path.startswith("/elsewhere/") else 200)
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()
        self.wfile.write(b"[" * 5000)

    def log_message(self, format: str, *args: Any) -> None:
        return
