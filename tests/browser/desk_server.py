"""The desk as production runs it, over the tests' own rows, and a person in a real browser."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import BrowserContext, Page

from statuspage.processes import die_with_parent
from tests.copies import ROOT, free_port, wait_for
from tests.serving import answers
from tests.statuspage.desk import sign_in, someone

PASSWORD = "of a drill only"


@contextmanager
def running(snapshot: Path, log: Path) -> Iterator[str]:
    """The app's address. It shares the database and the snapshot with the test."""
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "warning"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "granian", *options, "statuspage.wsgi:application"],
            cwd=ROOT,
            env={**os.environ, "HALI_SNAPSHOT_DIR": str(snapshot), "DATABASE_URL": _database_url()},
            stdout=out,
            stderr=out,
            preexec_fn=functools.partial(die_with_parent),
        )
    wait_for("the desk answers", lambda: answers(f"http://127.0.0.1:{port}/accounts/login/"))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=10)


def _database_url() -> str:
    of = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of['NAME']}"
    return f"postgres://{of['USER']}@{of['HOST']}:{of['PORT']}/{of['NAME']}"


def officer(role: str, name: str, **fields: Any) -> User:
    """Somebody with a password that the app's own hashers know."""
    user = someone(role, name, **fields)
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    user.save(update_fields=["password"])
    return user


def seat(context: BrowserContext, user: User, url: str) -> Page:
    """A page of a browser in which the person is signed in already."""
    context.add_cookies([{"name": name, "value": one.value, "url": url} for name, one in sign_in(user).cookies.items()])
    return context.new_page()


def sign_in_by_form(page: Page, name: str) -> None:
    page.locator("#id_login").fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.keyboard.press("Enter")
