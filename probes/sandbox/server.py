"""A small threaded HTTP/1.1 server for one WSGI application, on loopback: keep-alive, a thread per connection."""

from __future__ import annotations

import contextlib
import io
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from probes.sandbox.gateway import REASONS, Broken, ConnectionDropped

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Wrap = Callable[[socket.socket, str], socket.socket]  # a connection and the address it comes from -> the same in TLS

LINE_LIMIT = 8192
HEADERS_LIMIT = 64
BODY_LIMIT = 64 * 1024
IDLE_SECONDS = 30
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, not FIN


class BadRequest(Exception):
    """The bytes are not a request we take; the argument is the status line to answer with."""


class Connection(socketserver.StreamRequestHandler):
    """Reads requests off one connection until it closes. http.server would load the mail parser and ssl."""

    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        if self.server.wrap:
            self.request.settimeout(IDLE_SECONDS)
            self.request = self.server.wrap(self.request, self.client_address[0])
        super().setup()

    def handle(self) -> None:
        try:
            while self._handle_one():
                pass
        except BadRequest as error:
            self._send(str(error), [("Content-Length", "0")], b"", keep=False)
        except Broken as broken:
            with contextlib.suppress(OSError):
                self._send_half(broken)
            self._reset()
        except ConnectionDropped:
            self._reset()
        except OSError:
            pass  # the client went away, or was silent for too long

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.connection.close()

    def _send_half(self, broken: Broken) -> None:
        answer = broken.answer
        head = f"HTTP/1.1 {REASONS[answer.status]}\r\nContent-Type: {answer.content_type}\r\nContent-Length: "
        self.connection.sendall(f"{head}{len(answer.body) + 1}\r\n\r\n".encode("latin-1") + answer.body[: len(answer.body) // 2])

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # already closed above
            super().finish()
        if self.server.wrap:
            self.connection.close()  # the server knows only the socket beneath

    def _handle_one(self) -> bool:
        """Answer one request; false when the connection is to be closed."""
        line = self._line()
        if not line:
            return False
        environ = self._environ(line)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [status, headers]

        body = b"".join(self.server.application(environ, start_response))
        keep = environ["hali.keep_alive"]
        self._send(started[0], started[1], b"" if environ["REQUEST_METHOD"] == "HEAD" else body, keep=keep)
        return bool(keep)

    def _line(self) -> str:
        line = self.rfile.readline(LINE_LIMIT + 1)
        if len(line) > LINE_LIMIT:
            raise BadRequest("431 Request Header Fields Too Large")
        return line.decode("latin-1")

    def _environ(self, first: str) -> dict[str, Any]:
        words = first.split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest("400 Bad Request")
        method, target, version = words
        path, _, query = target.partition("?")
        headers = self._headers()
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": version,
            "CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""),
            "CONTENT_LENGTH": headers.pop("CONTENT_LENGTH", "0"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **{f"HTTP_{name}": value for name, value in headers.items()},
        }
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        wish = headers.get("CONNECTION", "").lower()
        environ["hali.keep_alive"] = wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"
        return environ

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(HEADERS_LIMIT):
            line = self._line()
            if line in {"\r\n", "\n"}:
                return headers
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequest("400 Bad Request")
            headers[name.upper().replace("-", "_")] = value.strip()
        raise BadRequest("431 Request Header Fields Too Large")

    def _body(self, environ: dict[str, Any]) -> bytes:
        if "HTTP_TRANSFER_ENCODING" in environ:
            raise BadRequest("411 Length Required")
        length = environ["CONTENT_LENGTH"]
        if not length.isdecimal():
            raise BadRequest("400 Bad Request")
        if len(length) > 9 or int(length) > BODY_LIMIT:
            raise BadRequest("413 Content Too Large")
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise OSError("the client went away")
        return body

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes, *, keep: bool) -> None:
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        if not keep:
            head.append("Connection: close")
        self.connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)


class Server(socketserver.ThreadingTCPServer):
    """Binds 127.0.0.1 and nothing else; port 0 takes a free one. Raises OSError when the port is taken.

    `wrap` makes TLS of a connection.
    """

    allow_reuse_address = True  # a restart need not wait; a second listener is still refused
    daemon_threads = True  # a hanging request must not keep the process
    request_queue_size = 256

    def __init__(self, application: Application, port: int, wrap: Wrap | None = None) -> None:
        self.application = application
        self.wrap = wrap
        super().__init__(("127.0.0.1", port), Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """No handshake, or gone before the first byte: theirs to tell. Everything else is ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> threading.Thread:
        """Serve in a thread of its own, for tests; `shutdown()` and `server_close()` end it."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        return thread
