"""The house's own rules that no linter knows."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDERS = {"tests/test_architecture.py", "tests/statuspage/test_seed_demo.py"}  # they name what they forbid
APPS = ("statuspage", "incidents", "probes", "subscribers")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]


def test_no_drawer_modules() -> None:
    unwanted = {"utils.py", "helpers.py", "services.py", "signals.py"}
    assert [path for path in sources(*APPS) if path.name in unwanted] == []
    assert [name for name in ("core", "common") if (ROOT / name).exists()] == []


def test_tasks_are_shared_so_that_no_app_imports_the_celery_application() -> None:
    for path in sources("incidents", "probes", "subscribers"):
        text = path.read_text()
        assert "statuspage.celery" not in text, path
        assert "@app.task" not in text, path


def test_words_become_public_through_one_door() -> None:
    """mark_published is called by statuspage.publishing alone."""
    callers = [path.relative_to(ROOT).as_posix() for path in sources(*APPS) if "mark_published(" in path.read_text()]
    assert sorted(callers) == [
        "incidents/documents.py",
        "incidents/planned_work.py",
        "incidents/stating.py",
        "incidents/timeline.py",
        "statuspage/publishing.py",
    ]


def test_what_may_shake_a_statement_is_done_with_what_follows_from_it() -> None:
    """set_security and its like are called by statuspage.grounds alone."""
    acts = ("times.set_security(", "times.set_impact(", "breaches.open_breach(", "stating.note(")
    for path in sources(*APPS):
        if path.name != "grounds.py":
            assert not [act for act in acts if act in path.read_text()], path


def pure_modules() -> list[str]:
    """Those of the import contract, and the words of moments."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [pure] = [contract for contract in contracts if contract["name"].startswith("Decisions are pure")]
    return [*(name.replace(".", "/") + ".py" for name in pure["source_modules"]), "incidents/wording.py"]


def test_pure_modules_ask_no_clock() -> None:
    for name in pure_modules():
        assert not re.search(r"timezone\.now|datetime\.now|time\.time\(|settings\b", (ROOT / name).read_text()), name


def test_models_neither_save_by_themselves_nor_send_signals() -> None:
    for path in sources(*APPS):
        text = path.read_text()
        assert "def save(" not in text or "statuspage/admin" in path.as_posix(), path
        assert "django.db.models.signals" not in text, path


def test_a_module_has_one_subject() -> None:
    long = [(path.relative_to(ROOT).as_posix(), len(path.read_text().splitlines())) for path in sources(*APPS)]
    assert [item for item in long if item[1] > 450] == []


def test_no_real_brand_is_in_the_product() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".html", ".txt", ".po", ".css"} and name not in FORBIDDERS and path.is_file():
            assert not re.search(r"m-pesa|safaricom|\bkra\b|airtel", path.read_text(), re.IGNORECASE), name
