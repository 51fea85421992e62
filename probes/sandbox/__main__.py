"""`python -m probes.sandbox --port 8001 [--seed N] [--tls-port N --ca-file FILE]`: run the gateway until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from pathlib import Path
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


def _start_tls(gateway: Gateway, port: int, ca_file: Path | None) -> None:
    from probes.sandbox import tls  # only here: cryptography and ssl weigh more than the rest of the sandbox

    authority = tls.Authority()
    wrap = tls.wrapper(authority, lambda client: gateway.faults.is_certificate_expired(client=client))
    server = Server(gateway, port, wrap)
    if ca_file:
        ca_file.write_bytes(authority.pem)
    server.start()
    sys.stdout.write(f"The same in TLS on https://127.0.0.1:{server.port}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m probes.sandbox", description="The sandbox payment gateway, on 127.0.0.1.")
    parser.add_argument("--port", type=_port, default=os.environ.get("HALI_SANDBOX_PORT") or "8001")
    parser.add_argument("--seed", type=int, default=0, help="the same seed and the same requests give the same faults")
    parser.add_argument("--answer-after", type=_seconds, default=2.0, help="seconds a payer takes to answer a push")
    parser.add_argument("--tls-port", type=_port, help="speak TLS on this port too, with a certificate authority of its own")
    parser.add_argument("--ca-file", type=Path, help="write that authority's certificate here, for SSL_CERT_FILE of the agent")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    gateway = Gateway(seed=options.seed, answer_after=options.answer_after)
    port = options.port
    try:
        server = Server(gateway, port)
        if options.tls_port is not None:
            port = options.tls_port
            _start_tls(gateway, port, options.ca_file)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        sys.stderr.write(f"Port {port} {why}: set HALI_SANDBOX_PORT to a free port.\n")
        return 1
    address = f"http://127.0.0.1:{server.port}"
    sys.stdout.write(f"Sandbox gateway on {address}, control on {address}/_sim\n")
    sys.stdout.flush()
    server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
