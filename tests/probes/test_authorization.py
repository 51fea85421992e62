"""Who asks: headers from secrets by name, and tokens fetched from a real listener, kept, and refreshed when refused."""

from __future__ import annotations

import base64
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from probes.outcome import TargetError
from probes.probers import authorization
from probes.probers.authorization import NotAuthorized, authorize
from probes.probers.credentials import MissingSecret
from tests.probes.conftest import Listener, http_answer

Listen = Callable[..., Listener]
HOST = "pay.example"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"USER": "asha", "PASSWORD": "planted-pw", "KEY": "planted key", "SECRET": "planted/secret"}.items():
        monkeypatch.setenv(f"HALI_SECRET_PORTAL_{name}", value)
    monkeypatch.setenv("HALI_SECRET_PORTAL", "planted-token")


def ask(auth: dict[str, Any], **options: Any) -> authorization.Authorization:
    authorization.validate(auth)
    return authorize(auth, **{"host": HOST, "timeout": 5.0, **options})


def token_server(listen: Listen, *tokens: str, expires_in: int = 3600) -> Listener:
    """Gives out these tokens, one a request."""
    waiting = list(tokens)

    def act(connection: socket.socket, over: threading.Event) -> None:
        body = f'{{"access_token": "{waiting.pop(0)}", "expires_in": {expires_in}}}'
        connection.sendall(http_answer("200 OK", body.encode()))

    return listen(act)


def test_basic_sends_user_and_password() -> None:
    pair = base64.b64encode(b"asha:planted-pw").decode()
    assert ask({"basic": "PORTAL"}).headers == {"Authorization": f"Basic {pair}"}


def test_bearer_sends_the_token() -> None:
    assert ask({"bearer": "PORTAL"}).headers == {"Authorization": "Bearer planted-token"}


def test_an_oauth2_token_is_asked_for_with_the_key_in_the_header(listen: Listen) -> None:
    server = token_server(listen, "first")
    given = ask({"oauth2": "PORTAL", "token_url": server.url, "scope": "read write"})
    assert given.headers == {"Authorization": "Bearer first"}
    head, _, body = server.heard[0].decode().partition("\r\n\r\n")
    assert f"Authorization: Basic {base64.b64encode(b'planted%20key:planted%2Fsecret').decode()}" in head
    assert body == "grant_type=client_credentials&scope=read+write"


def test_an_oauth2_token_is_asked_for_with_the_key_in_the_body_where_the_spec_says_so(listen: Listen) -> None:
    server = token_server(listen, "first")
    ask({"oauth2": "PORTAL", "token_url": server.url, "send": "body"})
    head, _, body = server.heard[0].decode().partition("\r\n\r\n")
    assert "Authorization" not in head
    assert body == "grant_type=client_credentials&client_id=planted+key&client_secret=planted%2Fsecret"


def test_a_token_is_kept_until_it_is_refused(listen: Listen) -> None:
    server = token_server(listen, "first", "second")
    auth = {"oauth2": "PORTAL", "token_url": server.url}
    assert [ask(auth).is_kept_token, ask(auth).is_kept_token] == [False, True]
    assert len(server.heard) == 1
    refused = ask(auth).headers["Authorization"]
    assert ask(auth, refused=refused).headers == {"Authorization": "Bearer second"}
    assert ask(auth, refused=refused).headers == {"Authorization": "Bearer second"}
    assert len(server.heard) == 2


def test_tokens_of_two_scopes_are_two_tokens(listen: Listen) -> None:
    server = token_server(listen, "first", "second")
    given = [ask({"oauth2": "PORTAL", "token_url": server.url, "scope": scope}) for scope in ("a", "b", "a")]
    assert [one.headers["Authorization"] for one in given] == ["Bearer first", "Bearer second", "Bearer first"]


@pytest.mark.parametrize(
    ("answer", "status", "error_class"),
    [
        (http_answer("401 Unauthorized", b'{"error": "invalid_client planted/secret"}'), "misconfigured", "credentials"),
        (http_answer("400 Bad Request", b'{"error": "invalid_scope"}'), "misconfigured", "credentials"),
        (http_answer("429 Too Many Requests"), "misconfigured", "rate"),
        (http_answer("503 Service Unavailable"), "down", "status"),
        (http_answer("200 OK", b"<html>"), "down", "assertion"),
        (http_answer("200 OK", b"[]"), "down", "assertion"),
        (http_answer("200 OK", b'{"access_token": "two\\nlines"}'), "down", "assertion"),
        (b"", "down", "refused"),
    ],
)
def test_where_there_is_no_token_the_outcome_says_whose_fault_it_is(
    listen: Listen, caplog: pytest.LogCaptureFixture, answer: bytes, status: str, error_class: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NotAuthorized) as caught:
        ask({"oauth2": "PORTAL", "token_url": listen(answer=answer).url})
    outcome = caught.value.outcome
    assert (outcome.status, outcome.error_class) == (status, error_class)
    assert outcome.evidence.startswith("no token: ")
    assert "planted" not in repr(outcome) + caplog.text


def test_a_token_server_that_says_nothing_holds_up_no_longer_than_the_deadline(listen: Listen) -> None:
    with pytest.raises(NotAuthorized) as caught:
        ask({"oauth2": "PORTAL", "token_url": listen(lambda connection, over: over.wait()).url}, timeout=0.2)
    assert caught.value.outcome.error_class == "timeout_read"


def test_a_secret_read_from_a_file_loses_its_last_line_break(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("HALI_SECRET_PORTAL")
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("HALI_SECRET_PORTAL_FILE", str(tmp_path / "token"))
    assert ask({"bearer": "PORTAL"}).headers == {"Authorization": "Bearer from-a-file"}


def test_a_file_that_cannot_be_read_is_named_by_its_variable_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("HALI_SECRET_PORTAL")
    monkeypatch.setenv("HALI_SECRET_PORTAL_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(MissingSecret, match="HALI_SECRET_PORTAL_FILE: the file it names cannot be read") as caught:
        ask({"bearer": "PORTAL"})
    assert str(tmp_path) not in str(caught.value)


def test_a_secret_bound_to_hosts_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL_HOSTS", "pay.example, api.example")
    for auth in ({"basic": "PORTAL"}, {"bearer": "PORTAL"}):
        assert ask(auth).headers
        with pytest.raises(MissingSecret, match="HALI_SECRET_PORTAL_HOSTS"):
            ask(auth, host="evil.example")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("PORTAL", "auth: give an object with one of basic, bearer, oauth2"),
        ({}, "auth: give an object with one of"),
        ({"basic": "A", "bearer": "B"}, "auth: give an object with one of"),
        ({"basic": "A", "password": "B"}, "'password' does not go with basic"),
        ({"bearer": "eyJhbGciOi"}, "auth.bearer: give the name of a secret"),
        ({"bearer": "PORTAL_FILE"}, "auth.bearer: a secret's name does not end with _FILE or _HOSTS"),
        ({"oauth2": "A"}, "auth.token_url is missing"),
        ({"oauth2": "A", "token_url": "ftp://x/"}, "auth.token_url: begins with 'ftp'"),
        ({"oauth2": "A", "token_url": "http://id.example/"}, "auth.token_url: give https://"),
        ({"oauth2": "A", "token_url": "https://id.example/", "scope": 7}, "auth.scope: give a text"),
        ({"oauth2": "A", "token_url": "https://id.example/", "send": "query"}, "auth.send: give one of header, body"),
    ],
)
def test_an_authorization_that_cannot_be_made_is_refused_with_what_to_change(value: Any, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        authorization.validate(value)
    assert says in str(caught.value)
