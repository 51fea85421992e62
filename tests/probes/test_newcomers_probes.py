"""Two files that were written from the documents alone, a bank's and a public API's: they load, and see what is there."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from probes.models import Probe, Vantage
from probes.probers import authorization
from probes.probers.tokens import TokenCache
from tests.copies import ROOT
from tests.factories import ComponentFactory, VantageFactory
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener
from tests.probes.gateways import Answer, Asked, Gateway

pytestmark = pytest.mark.django_db
FILES = ROOT / "tests" / "fixtures" / "probes"
SECRETS = {
    "MFANO_CLIENT_USER": "hali-probe-client",
    "MFANO_CLIENT_PASSWORD": "planted-open-sesame",
    "MFANO_KEY": "hali-probe-client",
    "MFANO_SECRET": "planted-open-sesame",
}
BASIC = "Basic aGFsaS1wcm9iZS1jbGllbnQ6cGxhbnRlZC1vcGVuLXNlc2FtZQ=="
RATES = {"UGX": 28.61, "TZS": 19.2}
CURRENCIES = [{"code": "KES", "name": "Kenyan shilling"}, {"code": "TZS", "name": "Tanzanian Shilling"}]
OF_THE_BANK = {"mfano-token", "mfano-inquiries", "mfano-certificate", "mfano-switch", "mfano-settlement"}
OF_THE_RATES = {"rates-latest", "rates-list", "rates-unknown", "rates-day"}


class Servers:
    """Benki ya Mfano and a service of exchange rates on one port. A test changes `currency` and `age_s`."""

    def __init__(self) -> None:
        self.currency, self.age_s = "KES", 3600
        self.gateway = Gateway(self.answer)
        self.gateway.headers["ETag"] = '"v7"'

    def answer(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        if url.path == "/oauth2/token":
            is_theirs = asked.header("Authorization") == BASIC and parse_qs(asked.body)["grant_type"] == ["client_credentials"]
            return (200, {"access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3600}) if is_theirs else (401, {})
        if url.path in {"/v1/latest", "/v1/2026-11-27"}:
            if "base=KES" not in url.query:
                return 404, {"error": "unknown currency"}
            return 200, {"base": "KES", "date": "2026-11-27", "age_s": self.age_s, "rates": RATES}
        if url.path == "/v1/currencies":
            return 200, {"currencies": CURRENCIES}
        if asked.header("Authorization") != "Bearer t0k3n":
            return 401, {}
        return {
            "/v1/accounts": (200, {"accounts": [{"id": "ACC/0001"}]}),
            "/v1/accounts/ACC%2F0001/balance": (200, {"currency": self.currency, "available": "1250.75"}),
            "/v1/accounts/ACC%2F0001/transfers": (200, {"transfers": [{"id": 90210}]}),
            "/v1/transfers/90210": (200, {"id": 90210, "account": "ACC/0001", "status": "COMPLETED"}),
        }.get(url.path, (404, {}))


@pytest.fixture
def servers(
    listen: Callable[..., Listener],
    listen_tls: Callable[..., SecureListener],
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Servers]:
    """Both files are loaded, with the ports of listeners that behave."""
    monkeypatch.setattr(authorization, "TOKENS", TokenCache())
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"HALI_SECRET_{name}", value)
    monkeypatch.setenv("HALI_FILE_MFANO_CA", str(authority.file))
    ComponentFactory(code="app")
    ComponentFactory(code="savings")
    VantageFactory(name="nairobi", label="Nairobi")
    made = Servers()
    ports = {
        8710: urlsplit(made.gateway.url).port,
        8711: listen_tls(authority.issue("localhost")).port,
        8712: listen(answer=b"PONG\r\n").port,
    }
    for name in ("bank.yaml", "rates.yaml"):
        text = (FILES / name).read_text()
        for theirs, ours in ports.items():
            text = text.replace(str(theirs), str(ours))
        (tmp_path / name).write_text(text)
        assert "nothing was changed" in commanded("load_probes", str(tmp_path / name), "--dry-run")
        assert "Loaded: " in commanded("load_probes", str(tmp_path / name))
    yield made
    made.gateway.close()


def commanded(*words: str) -> str:
    out = io.StringIO()
    try:
        call_command(*words, stdout=out)
    except SystemExit as end:
        out.write(f"exit {end.code}\n")
    return out.getvalue()


def outcome_of(code: str) -> str:
    said = commanded("run_probe", code, "--debug")
    assert "planted" not in said
    return next(line for line in said.splitlines() if line.startswith("outcome")).removeprefix("outcome").strip()


def test_every_probe_of_both_files_is_ok_while_its_server_is(servers: Servers) -> None:
    codes = set(Probe.objects.values_list("code", flat=True))
    assert codes == OF_THE_BANK | OF_THE_RATES
    outcomes = {code: outcome_of(code) for code in sorted(codes - {"mfano-settlement"})}
    assert {code: words for code, words in outcomes.items() if not words.startswith("ok: ")} == {}


def test_what_others_push_has_nothing_to_run_and_says_so(servers: Servers) -> None:
    with pytest.raises(CommandError, match="is pushed to us, nothing is run: POST to "):
        outcome_of("mfano-settlement")


def test_a_file_that_names_a_vantage_in_its_probes_alone_leaves_the_vantages_as_they_are(servers: Servers) -> None:
    assert Vantage.objects.get(name="nairobi").label == "Nairobi"


def test_a_wrong_answer_is_told_by_step_and_place_and_an_old_one_is_only_late(servers: Servers) -> None:
    servers.currency, servers.age_s = "USD", 90_000
    assert outcome_of("mfano-inquiries").startswith("down, assertion: step 2 (balance)")
    assert outcome_of("rates-latest").startswith("delayed, assertion: ")
