"""The test bed: settings of a copy of its own, and the servers a test asks for.

TEST_DATABASE=postgresql puts the rows into a PostgreSQL that is started for it, or into the one TEST_DATABASE_URL names.
TEST_REDIS_URL names a Redis to use instead of starting one.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
import psutil
import pytest
from django.conf import settings
from hypothesis import settings as hypothesis_settings

from tests import servers
from tests.mail_server import MailServer
from tests.servers import Server

# Properties are tried without a stop-watch and leave nothing in the tree.
hypothesis_settings.register_profile("hali", deadline=None, database=None)
hypothesis_settings.load_profile("hali")


def _use_memory_for_files() -> None:
    """Snapshots, databases and mails by the ten thousand lie in memory where there is plenty: a disk is slow to forget."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir():
        return
    if min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) > 4 * 2**30:
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)
        tempfile.tempdir = None  # asked anew


_use_memory_for_files()
gc.disable()  # until everything is collected: what modules and tests are made of stays, and is looked through for nothing
_FOLDER = Path(tempfile.mkdtemp(prefix="hali-tests-"))
_ended_last = ExitStack()


def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_FOLDER))


def _set_environment() -> None:
    """What the caller's shell says of Hali is left out of it."""
    unwanted = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "DEBUG", "ALLOWED_HOSTS")
    for name in [name for name in os.environ if name.startswith("HALI_") or name in unwanted]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
        "SECRET_KEY": "of the tests, and of nothing else: 0123456789abcdefghijklmnopqrstuvwxyz",
        "HALI_DEMO": "true",
        "HALI_DATA_DIR": str(_FOLDER),
        "HALI_ADDRESS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "HALI_ADDRESS_HASH_KEY": "a key for hashes that never rotates",
        "HALI_DEMO_PASSWORD": "correct horse battery",
    }
    if os.environ.get("TEST_DATABASE") == "postgresql":
        os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or _postgresql_for_rows()


def _postgresql_for_rows() -> str:
    try:
        server = servers.start_postgresql(_folder("postgresql-rows"))
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        pytest.exit(str(missing), returncode=1 if os.environ.get("CI") == "true" else 0)
    _ended_last.callback(server.stop)
    # Those who run side by side come later and find it named: one server, a database each.
    os.environ["TEST_DATABASE_URL"] = f"{server.url}/hali"
    return os.environ["TEST_DATABASE_URL"]


def _set_up_django() -> None:
    from statuspage.translations import compile_all

    compile_all()
    # Side by side, settings were read before this file was, with the environment of the parent: what its folder gives is anew.
    settings.DATA_DIR = _FOLDER
    settings.AUDIT_HEADS = str(_FOLDER / "audit-heads.jsonl")
    settings.CACHES["default"]["LOCATION"] = str(_FOLDER / "cache")
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        # A file, since threads and processes share it; without fsync, since nothing of it is kept.
        settings.DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / "rows.sqlite3"), "MIGRATE": True, "MIRROR": None}
        options = settings.DATABASES["default"]["OPTIONS"]
        options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
    django.setup()
    os.fsync = lambda fd: None  # nor is a snapshot kept; real processes, which fault tests kill, do without this
    _let_tests_empty_what_is_append_only()
    _look_for_static_files_once()


def _let_tests_empty_what_is_append_only() -> None:
    """Between tests that commit, every table is emptied: the triggers step aside for that and are put back."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    from incidents import append_only

    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_all(operations: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
        append_only.remove(operations.connection, "incidents_auditevent")
        flush(operations, sql_list)
        append_only.install(operations.connection, "incidents_auditevent")

    BaseDatabaseOperations.execute_sql_flush = flush_all  # type: ignore[method-assign, assignment]


def _look_for_static_files_once() -> None:
    """Each client of Django's has middleware of its own, which would look through every folder of static files again."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    look, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = look_once


# At import: the conftests of folders below import models.
_set_environment()
_set_up_django()
from statuspage.admin import moments  # noqa: E402
from statuspage.snapshot import writing  # noqa: E402
from tests.serving import app_url, public_incident, shared_app  # noqa: E402, F401  (they import models)

# Most of what making the twins of pages takes is making them small.
AS_SERVED = {"GZIP_LEVEL": writing.GZIP_LEVEL, "BROTLI_QUALITY": writing.BROTLI_QUALITY}
writing.GZIP_LEVEL = writing.BROTLI_QUALITY = 1


def pytest_unconfigure(config: pytest.Config) -> None:
    _ended_last.close()
    shutil.rmtree(_FOLDER, ignore_errors=True)


@pytest.fixture(autouse=True)
def _looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What desk pages share for seconds is the test's own, that of those which commit too."""
    monkeypatch.setattr(moments, "SHARED_FOR", 0.0)


@pytest.fixture(autouse=True)
def snapshot_dir(settings: Any, tmp_path: Path) -> Path:
    """Each test has a snapshot, a mail and an outlet folder of its own."""
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    settings.MAIL_DIR = tmp_path / "mail"
    settings.OUTLET_DIR = tmp_path / "outlets"
    return tmp_path / "snapshot"


@pytest.fixture
def packed_as_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that weighs what readers fetch: elsewhere twins are packed quickly."""
    for name, value in AS_SERVED.items():
        monkeypatch.setattr(writing, name, value)


@pytest.fixture
def pages_unwritten(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that each publication writes takes longer than everything else it does, and is tested with the page.

    A test that reads it, where all others do without, says so with the mark `writes_pages`.
    """
    if not request.node.get_closest_marker("writes_pages"):
        monkeypatch.setattr("statuspage.snapshot.refresh", lambda **_: False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files begin first, in their random order: one that came last would leave the other cores idle."""
    items.sort(key=lambda item: not any(item.iter_markers("long")) and not any(item.iter_markers("browser")))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests and every module are there to stay: looking through them for rubbish again and again is a tenth of all
    the processor's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


# --- Servers -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The url of a PostgreSQL server, without a database's name."""
    server = servers.start_postgresql(_folder("postgresql"))
    yield server.url
    server.stop()


@pytest.fixture
def empty_postgresql_url(postgresql: str) -> str:
    return servers.make_database(postgresql, "copy")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    if named := os.environ.get("TEST_REDIS_URL"):
        yield named
        return
    server = servers.start_redis(_folder("redis"))
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """A Redis with nothing in it."""
    with servers.client(redis_server) as connection:
        connection.flushdb()
    return redis_server


@pytest.fixture
def valkey_process() -> Iterator[Server]:
    """The embedded broker, for this test alone: it may be ended."""
    server = servers.start_valkey(_folder("valkey"))
    yield server
    server.stop()


@pytest.fixture(params=["valkey", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    if request.param == "valkey":
        return str(request.getfixturevalue("valkey_process").url)
    return str(request.getfixturevalue("redis_url"))


@pytest.fixture
def nginx_for() -> Iterator[Callable[[Path, int], str]]:
    """Start nginx over a snapshot folder, with the app at a port; answers its address."""
    with ExitStack() as stack:

        def start(snapshot: Path, app_port: int) -> str:
            server = servers.start_nginx(_folder("nginx"), snapshot=snapshot, app_port=app_port)
            stack.callback(server.stop)
            return server.url

        yield start


# --- Mail ------------------------------------------------------------------------------------------


@pytest.fixture
def smtp_sink() -> Iterator[MailServer]:
    sink = MailServer()
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def smtp_sink_for_module() -> Iterator[MailServer]:
    sink = MailServer()
    sink.start()
    yield sink
    sink.stop()
