"""Migrations run on a live PostgreSQL while the version before is still at work: none may break it or hold it up."""

from __future__ import annotations

import pytest
from django.db import connection
from django_migration_linter import MigrationLinter

# What every copy has applied by now, squashed or on its way to it; later ones are judged.
BEFORE = {"incidents": 10, "probes": 6, "statuspage": 3, "subscribers": 4}
# Each needs a reason here.
EXCUSED: dict[tuple[str, str], str] = {
    ("incidents", "0014_corrected_facts_and_words"): "People write corrections and filings by hand: the few rows are indexed in "
    "milliseconds, and what must be unique is a new column, empty in all of them.",
}


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("app", BEFORE)
def test_a_new_migration_is_safe_beside_the_version_before(app: str, capsys: pytest.CaptureFixture[str]) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite remakes a table for nearly everything, and has one process that writes
    linter = MigrationLinter(include_apps=[app], no_cache=True, all_warnings_as_errors=False)
    judged = 0
    for migration in linter._gather_all_migrations():
        name = (migration.app_label, migration.name)
        if migration.app_label == app and int(migration.name[:4]) > BEFORE[app] and name not in EXCUSED:
            linter.lint_migration(migration)
            judged += 1
    assert linter.nb_erroneous == 0, capsys.readouterr().out
    assert linter.nb_total == judged
