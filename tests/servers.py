"""Real servers for tests: PostgreSQL, Redis, Valkey and nginx from installed binaries, each on a free loopback port.

Every one dies with the test process and is ended by its id.
"""

from __future__ import annotations

import functools
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from statuspage import broker
from statuspage.processes import die_with_parent
from tests.copies import free_port, wait_for

ROOT = Path(__file__).resolve().parent.parent


NPM = Path(__file__).with_name("npm")


def found(name: str, *places: str) -> str | None:
    """Where a program is, the newest of several."""
    return shutil.which(name) or next((path for place in places for path in sorted(glob.glob(place), reverse=True)), None)


def binary(name: str, *places: str) -> str:
    """Where a program is. Missing: the test is skipped with a message; in CI that is a failure."""
    if path := found(name, *places):
        return path
    message = f"{name} is not installed: `.ci/run` installs it from Debian's packages"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def npm_package(*parts: str) -> Path:
    """Where a program of others lies that `npm ci --prefix tests/npm` brought. Missing: as with `binary`; but where even
    `.ci/run` could not reach the registry, it sets TEST_WITHOUT_NPM to say so, and the tests that need one are left out."""
    found = NPM.joinpath("node_modules", *parts)
    if shutil.which("node") and found.exists():
        return found
    message = f"{found.name} is not there: run `npm ci --prefix tests/npm` (packages nodejs, npm), as `.ci/run` does"
    if os.environ.get("CI") == "true" and not os.environ.get("TEST_WITHOUT_NPM"):
        pytest.fail(message)
    pytest.skip(message)


@dataclass
class Server:
    """A running server. `url` is how clients reach it."""

    url: str
    process: subprocess.Popen[bytes]
    stop_signal: int = signal.SIGTERM
    start_again: Callable[[], None] = lambda: None  # after stop or kill, with the same data; not for every kind

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()


def _start(command: Sequence[str], log: Path, user: str | None = None) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=functools.partial(_become, user)
        )


def _become(user: str | None) -> None:
    """Drop root, which PostgreSQL refuses to run as; the death signal is asked for after that, since it is lost with root."""
    if user:
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    die_with_parent(signal.SIGINT if user else signal.SIGKILL)


def unprivileged() -> str | None:
    return "nobody" if os.getuid() == 0 else None


def start_postgresql(folder: Path, shared_buffers: str = "32MB") -> Server:
    """A server of our own, without fsync: nothing of it is kept. Its url ends before the database's name."""
    postgres = binary("postgres", "/usr/lib/postgresql/*/bin/postgres")
    initdb = binary("initdb", f"{Path(postgres).resolve().parent}/initdb", "/usr/lib/postgresql/*/bin/initdb")
    user, data = unprivileged(), folder / "data"
    folder.chmod(0o755)
    data.mkdir(mode=0o700)
    log = folder / "postgresql.log"
    log.touch()
    if user:
        os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    shared = Path(tempfile.gettempdir())
    for parent in folder.parents:  # a temporary folder of root is closed to others
        if parent != shared and parent.stat().st_uid == os.getuid() and parent.is_relative_to(shared):
            parent.chmod(parent.stat().st_mode | 0o711)
    made = _start([initdb, "-D", str(data), "-U", "hali", "-A", "trust", "-E", "UTF8", "--no-sync"], log, user)
    assert made.wait(timeout=60) == 0, log.read_text()
    port = free_port()
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "150",
        "shared_buffers": shared_buffers,
    }
    command = [postgres, "-D", str(data), *(f"--{name}={value}" for name, value in options.items())]
    server = Server(f"postgres://hali@127.0.0.1:{port}", _start(command, log, user), signal.SIGINT)

    def answers() -> bool:
        return _postgresql_answers(server.url, server.process, log)

    def start_again() -> None:
        server.process = _start(command, log, user)
        wait_for("PostgreSQL answers again", answers, seconds=30)

    server.start_again = start_again
    wait_for("PostgreSQL answers", answers, seconds=30)
    return server


def _postgresql_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def postgresql_with_tls(server_url: str, pem: Path, key: Path) -> Iterator[None]:
    """The running server speaks TLS too, with this certificate, until the end."""
    own = Path(_say_to_postgresql(server_url, "SHOW data_directory"))
    user = unprivileged()
    for source in (pem, key):
        copy = own / f"tests-{source.suffix.removeprefix('.')}"
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o600)
        if user:
            os.chown(copy, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    options = {"ssl": "on", "ssl_cert_file": own / "tests-pem", "ssl_key_file": own / "tests-key"}
    for name, value in options.items():
        _say_to_postgresql(server_url, f"ALTER SYSTEM SET {name} = '{value}'")
    try:
        _reload_postgresql(server_url, ssl="on")
        yield
    finally:
        for name in options:
            _say_to_postgresql(server_url, f"ALTER SYSTEM RESET {name}")
        _reload_postgresql(server_url, ssl="off")


def _reload_postgresql(server_url: str, *, ssl: str) -> None:
    _say_to_postgresql(server_url, "SELECT pg_reload_conf()")
    wait_for(f"PostgreSQL has turned ssl {ssl}", lambda: _say_to_postgresql(server_url, "SHOW ssl") == ssl)


def _say_to_postgresql(server_url: str, words: str) -> str:
    with psycopg.connect(f"{server_url}/postgres?sslmode=disable", autocommit=True) as connection:
        asked = connection.execute(words.encode())
        return str((asked.fetchone() or [""])[0]) if asked.description else ""


def make_database(server_url: str, name: str) -> str:
    """An empty database on the server; its url."""
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server_url}/{name}"


def start_redis(folder: Path, *more: str) -> Server:
    """`more`: options of its own. Its url is the plain one."""
    port = free_port()
    command = [binary("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *more]
    server = Server(f"redis://127.0.0.1:{port}/0", _start(command, folder / "redis.log"))
    wait_for("Redis answers", lambda: _redis_answers(server.url))
    return server


def start_valkey(folder: Path) -> Server:
    """The embedded broker, as `make run` starts it."""
    command, log = broker.command(folder), folder / "valkey.log"
    server = Server(f"redis+socket://{broker.socket_path(folder)}", _start(command, log))

    def start_again() -> None:
        server.process = _start(command, log)
        wait_for("Valkey answers again", lambda: _redis_answers(server.url))

    server.start_again = start_again
    wait_for("Valkey answers", lambda: _redis_answers(server.url))
    return server


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url.replace("redis+socket://", "unix://", 1), socket_timeout=2)


def _redis_answers(url: str) -> bool:
    try:
        with client(url) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def start_nginx(folder: Path, *, snapshot: Path, app_port: int) -> Server:
    """nginx with deploy/nginx.conf as it ships, its four blanks filled in."""
    program = binary("nginx", "/usr/sbin/nginx")
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    blanks = {"SNAPSHOT": str(snapshot), "LISTEN": f"127.0.0.1:{port}", "APP": f"127.0.0.1:{app_port}", "RUN": str(folder)}
    for name, value in blanks.items():
        text = text.replace("${" + name + "}", value)
    if os.getuid() == 0:
        text = "user root;\n" + text  # temporary folders of root are closed to nginx's own user
    (folder / "nginx.conf").write_text(text)
    if nginx_knows_brotli():
        shutil.copy(ROOT / "deploy" / "nginx-brotli.conf", folder / "brotli.conf")
        (folder / "modules").symlink_to("/usr/lib/nginx/modules")  # looked for below -p, which is not Debian's here
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off;"]
    tested = subprocess.run([*command[:-2], "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    server = Server(f"http://127.0.0.1:{port}", _start(command, folder / "nginx.log"), signal.SIGTERM)
    wait_for("nginx listens", lambda: _listens(port))
    return server


def start_caching_proxy(folder: Path, *, origin: str) -> Server:
    """A cache in front of `origin` that keeps to what Cache-Control says: max-age, stale-while-revalidate, stale-if-error."""
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "proxy.conf").write_text(
        ("user root;\n" if os.getuid() == 0 else "")
        + f"pid {folder}/proxy.pid;\nerror_log {folder}/error.log warn;\nevents {{}}\nhttp {{\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {folder}/{kind}-temp;\n" for kind in kinds)
        + f"proxy_cache_path {folder}/cache keys_zone=pages:1m;\n"
        + f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {origin}; proxy_cache pages;"
        + " proxy_cache_background_update on; proxy_connect_timeout 2s; } }\n}\n"
    )
    command = [binary("nginx", "/usr/sbin/nginx"), "-c", str(folder / "proxy.conf"), "-p", str(folder), "-g", "daemon off;"]
    server = Server(f"http://127.0.0.1:{port}", _start(command, folder / "proxy.log"))
    wait_for("the proxy listens", lambda: _listens(port))
    return server


def nginx_knows_brotli() -> bool:
    return bool(glob.glob("/etc/nginx/modules-enabled/*-mod-http-brotli-static.conf"))


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
