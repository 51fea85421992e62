"""What the benches stand on: a target that is no bottleneck, databases and brokers of their own, real processes; their time."""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import servers
from tests.copies import ROOT, free_port, wait_for

LONGEST = 20 * 60  # seconds of one bench
ENDS_WITHIN = 15  # seconds that whatever is cut off has to end what it started
VANTAGE = "bench"
BODY = "x" * 2700  # bytes of an answer
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log; default_type text/plain; keepalive_timeout 0;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl backlog=4096;
        ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


def run_sections(module: str, sections: Iterable[str], *more: str, longest: float = LONGEST) -> int:
    """Each in a process of its own; what is not done in time is ended, and said. The first that fails ends all."""
    ends = time.monotonic() + longest
    for section in sections:
        command = [sys.executable, "-m", module, section, *more]
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
            try:
                if code := process.wait(timeout=max(0.0, ends - time.monotonic())):
                    return code
            except subprocess.TimeoutExpired:
                end_all_of(process)
                sys.stdout.write(f"  {section}: not measured to its end, for want of time\n")
            except BaseException:
                end_all_of(process)
                raise
    return 0


def end_all_of(process: subprocess.Popen[Any], *, within: float = ENDS_WITHIN) -> None:
    """The first process of a session, and all that it started."""
    for how in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=within)
            return


@dataclass
class Target:
    """nginx on loopback, plain and over TLS. `authority`: the certificate to trust."""

    plain: str
    tls: str
    authority: Path
    log: Path

    def requests(self) -> int:
        """How many it answered."""
        return sum(1 for _ in self.log.open())


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    plain, tls = free_port(), free_port()
    _write_certificate(folder)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, plain=plain, tls=tls, body=BODY))
    process = subprocess.Popen([servers.binary("nginx", "/usr/sbin/nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_for("nginx", lambda: process.poll() is not None or _listens(tls))
        assert process.poll() is None, (folder / "error.log").read_text()
        urls = f"http://127.0.0.1:{plain}/", f"https://127.0.0.1:{tls}/"
        yield Target(*urls, folder / "certificate.pem", folder / "access.log")
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))


@dataclass
class Bed:
    """A database, a broker and, once started, the pipeline's processes by name."""

    folder: Path
    environment: dict[str, str]
    servers: dict[str, psutil.Process] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *, agent_key: str, **more: str) -> None:
        """One agent, one recorder, one beat, as production starts them."""
        agent = ["-m", "statuspage.worker", "--name", "agent", "--queues", f"probes.{VANTAGE}", "--pool", "threads"]
        self._start("agent", [*agent, "--concurrency", "64"], {"HALI_AGENT": VANTAGE, "HALI_AGENT_KEY": agent_key, **more})
        self._start("recorder", ["-m", "statuspage.worker", "--queues", "core,notify", "--concurrency", "1"], more)
        time.sleep(4)  # an expired tick is a lost one
        self._start("beat", ["-m", "statuspage.beat"], more)

    def _start(self, name: str, arguments: Sequence[str], more: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env={**self.environment, **more}, stdout=log, stderr=log
            )

    def cpu(self) -> dict[str, float]:
        """Seconds of processor, user and system, that each part has used so far, children included."""
        running = {name: psutil.Process(process.pid) for name, process in self.processes.items()}
        return {name: _cpu(process) for name, process in {**running, **self.servers}.items()}

    def require_running(self) -> None:
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        assert not ended, f"ended by itself: {', '.join(ended)}"

    def end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def say_what_went_wrong(self) -> None:
        for log in (self.folder / f"{name}.log" for name in ("agent", "recorder", "beat")):
            if text := log.read_text().strip():
                sys.stderr.write(f"--- {log.name}\n{text[-1500:]}\n")


def _cpu(process: psutil.Process) -> float:
    """PostgreSQL's backends come and go: what ended ones used is in their parent's account once they are buried."""
    times = process.cpu_times()
    total: float = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


@contextmanager
def bed(database: str, folder: Path | None = None) -> Iterator[Bed]:
    """`database`: postgresql (with Redis) or sqlite (with the embedded Valkey)."""
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hali-bench-")))
        home.chmod(0o755)
        made = Bed(
            home, {"PATH": os.environ["PATH"], "HALI_DATA_DIR": str(home), "SECRET_KEY": "of a bench, and of nothing else" * 2}
        )
        if database == "postgresql":
            (home / "postgresql").mkdir()
            postgresql = servers.start_postgresql(home / "postgresql", shared_buffers="128MB")  # its own default
            stack.callback(postgresql.stop)
            made.environment["DATABASE_URL"] = servers.make_database(postgresql.url, "bench")
            made.servers["database"] = psutil.Process(postgresql.process.pid)
            broker = servers.start_redis(home)
        else:
            broker = servers.start_valkey(home)
        stack.callback(broker.stop)
        made.environment["REDIS_URL"] = broker.url
        made.servers["broker"] = psutil.Process(broker.process.pid)
        try:
            yield made
        finally:
            for name in list(made.processes):
                made.end(name)
