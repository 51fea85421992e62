"""`python -m probes.sandbox --port 8001 [--seed N]`: run the gateway until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from types import FrameType

from probes.sandbox.gateway import Gateway
from probes.sandbox.server import Server


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a whole number from 0 to 65535 (HALI_SANDBOX_PORT); 0 takes a free port"
        )
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds from 0 to 600")
    return value


def _stop(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # at once: nothing is kept, and a hanging request must not delay it


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m probes.sandbox", description="The sandbox payment gateway, on 127.0.0.1.")
    parser.add_argument("--port", type=_port, default=os.environ.get("HALI_SANDBOX_PORT", "8001"))
    parser.add_argument("--seed", type=int, default=0, help="the same seed and the same requests give the same faults")
    parser.add_argument("--answer-after", type=_seconds, default=2.0, help="seconds a payer takes to answer a push")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        server = Server(Gateway(seed=options.seed, answer_after=options.answer_after), options.port)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        sys.stderr.write(f"Port {options.port} {why}: set HALI_SANDBOX_PORT to a free port.\n")
        return 1
    address = f"http://127.0.0.1:{server.port}"
    sys.stdout.write(f"Sandbox gateway on {address}, control on {address}/_sim\n")
    sys.stdout.flush()
    server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
