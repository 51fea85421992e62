"""One vantage cannot speak for another: what is signed, what is refused, and what is counted."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from probes import signed_batches, vantages
from probes.models import Result, Vantage, VantageBatch
from probes.signed_batches import Batch, Refused
from tests.factories import NOON, ProbeScheduleFactory, VantageFactory

SENT = NOON.timestamp()


def batch(**changes: Any) -> Batch:
    return replace(Batch("nairobi", [], SENT, "n1"), **changes)


# --- Signing ---------------------------------------------------------------------------------------


def opened(payload: str, signature: str, public_key: str, vantage: str = "nairobi") -> Batch:
    return signed_batches.unpack(payload, signature, vantage=vantage, public_key=public_key)


def reason(*args: Any, **options: Any) -> str:
    with pytest.raises(Refused) as caught:
        opened(*args, **options)
    return caught.value.reason


@pytest.fixture
def key() -> str:
    return signed_batches.new_key()


@pytest.fixture
def public_key(key: str) -> str:
    return signed_batches.public_key_of(key)


def test_what_a_vantage_signed_is_read_as_it_was(key: str, public_key: str) -> None:
    sent = batch(reports=[{"probe_id": 1, "status": "ok"}], outward_s=0.25)
    assert opened(*signed_batches.pack(sent, key), public_key) == sent


def test_another_key_is_a_forgery(public_key: str) -> None:
    assert reason(*signed_batches.pack(batch(), signed_batches.new_key()), public_key) == "forged"


def test_a_changed_letter_is_a_forgery(key: str, public_key: str) -> None:
    payload, signature = signed_batches.pack(batch(reports=[{"status": "down"}]), key)
    assert reason(payload.replace("down", "ok"), signature, public_key) == "forged"


def test_a_batch_of_one_vantage_is_none_of_another_even_with_the_same_key(key: str, public_key: str) -> None:
    assert reason(*signed_batches.pack(batch(), key), public_key, vantage="mombasa") == "forged"


@pytest.mark.parametrize("signature", ["not base64!", "AAAA", "ä" * 86])
def test_a_signature_that_is_none_is_a_forgery(key: str, public_key: str, signature: str) -> None:
    assert reason(signed_batches.pack(batch(), key)[0], signature, public_key) == "forged"


def test_without_a_signature_nothing_is_read(key: str, public_key: str) -> None:
    assert reason(signed_batches.pack(batch(), key)[0], "", public_key) == "unsigned"


def test_a_vantage_without_a_key_is_believed_nothing(key: str) -> None:
    assert reason(*signed_batches.pack(batch(), key), "") == "no_key"


def test_signed_text_of_another_version_is_told_from_a_forgery(key: str, public_key: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    payload = json.dumps({"vantage": "nairobi", "novel": 1})
    raw = base64.urlsafe_b64decode(key + "=")
    signature = Ed25519PrivateKey.from_private_bytes(raw).sign(signed_batches.CONTEXT + payload.encode())
    assert reason(payload, base64.urlsafe_b64encode(signature).decode(), public_key) == "form"


@pytest.mark.parametrize(("age", "is_believed"), [(0, True), (300, True), (-300, True), (331, False), (-331, False)])
def test_only_what_was_sent_in_the_last_minutes_is_believed(age: int, is_believed: bool) -> None:
    if is_believed:
        signed_batches.require_recent(batch(), now=SENT + age)
        return
    with pytest.raises(Refused, match="clock"):
        signed_batches.require_recent(batch(), now=SENT + age)


@pytest.mark.parametrize("text", ["", "short", "ä", "x" * 43 + "!"])
def test_what_is_no_key_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        signed_batches.public_key_of(text)


# --- Taking ----------------------------------------------------------------------------------------


def report(probe_id: int, slot: int, status: str = "ok") -> dict[str, Any]:
    return {
        "probe_id": probe_id, "slot": slot, "attempt": 0, "status": status, "error_class": "", "evidence": "", "http_status": 200,
        "total_us": 1000, "phases": {}, "started_at": float(slot), "lateness_ms": 0, "accepted": None,
    }  # fmt: skip


@pytest.fixture
def enrolled(db: None) -> dict[str, str]:
    return {name: vantages.enrol(name=name) for name in ("nairobi", "mombasa")}


def take(sent: Batch, key: str, *, name: str = "", after: float = 0.1) -> None:
    payload, signature = signed_batches.pack(sent, key)
    vantages.take_batch(name=name or sent.vantage, payload=payload, signature=signature, now=NOON + timedelta(seconds=after))


@pytest.mark.database
class TestTaking:
    def test_a_signed_batch_becomes_results(self, enrolled: dict[str, str]) -> None:
        row = ProbeScheduleFactory(vantage=Vantage.objects.get(name="nairobi"))
        take(batch(reports=[report(row.probe_id, int(SENT))]), enrolled["nairobi"])
        assert Result.objects.get().status == "ok"
        assert Vantage.objects.get(name="nairobi").last_heard_at is not None

    @pytest.mark.parametrize("forger", ["mombasa", "nobody"])
    def test_nobody_speaks_for_another(self, enrolled: dict[str, str], forger: str, caplog: pytest.LogCaptureFixture) -> None:
        row = ProbeScheduleFactory(vantage=Vantage.objects.get(name="nairobi"))
        keys = {**enrolled, "nobody": signed_batches.new_key()}
        take(batch(reports=[report(row.probe_id, int(SENT), "down")]), keys[forger])
        nairobi = Vantage.objects.get(name="nairobi")
        assert not Result.objects.exists()
        assert (nairobi.last_heard_at, nairobi.refused, nairobi.refused_because) == (None, 1, "forged")
        assert "A batch of outcomes of the vantage nairobi was refused: its signature is not by the vantage's key." in caplog.text

    def test_an_unsigned_batch_is_refused(self, enrolled: dict[str, str]) -> None:
        vantages.take_batch(name="nairobi", payload="{}", signature="", now=NOON)
        assert Vantage.objects.get(name="nairobi").refused_because == "unsigned"

    def test_a_batch_that_comes_again_counts_once_and_proves_no_life(self, enrolled: dict[str, str]) -> None:
        row = ProbeScheduleFactory(vantage=Vantage.objects.get(name="nairobi"))
        sent = batch(reports=[report(row.probe_id, int(SENT))])
        take(sent, enrolled["nairobi"])
        heard = Vantage.objects.get(name="nairobi").last_heard_at
        take(sent, enrolled["nairobi"], after=200)
        nairobi = Vantage.objects.get(name="nairobi")
        assert (nairobi.last_heard_at, nairobi.refused_because) == (heard, "replayed")
        assert Result.objects.count() == 1

    def test_an_old_batch_is_refused_though_its_mark_is_gone(self, enrolled: dict[str, str]) -> None:
        sent = batch(reports=[])
        take(sent, enrolled["nairobi"])
        late = NOON + timedelta(hours=1)
        assert vantages.prune_batches(now=late) == 1
        take(sent, enrolled["nairobi"], after=3600)
        assert Vantage.objects.get(name="nairobi").refused_because == "clock"
        assert not VantageBatch.objects.exists()

    def test_a_vantage_that_nobody_knows_is_told_in_the_log(
        self, enrolled: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        take(batch(vantage="kisumu"), enrolled["nairobi"])
        assert "refused: there is no vantage of its name" in caplog.text

    def test_a_report_of_another_version_is_refused_in_one_line(self, enrolled: dict[str, str]) -> None:
        take(batch(reports=[{"novel": 1}]), enrolled["nairobi"])
        assert Vantage.objects.get(name="nairobi").refused_because == "form"

    def test_no_key_of_an_agent_is_in_the_database(self, enrolled: dict[str, str]) -> None:
        kept = str(list(Vantage.objects.values()))
        assert [key for key in enrolled.values() if key in kept] == []

    def test_no_refusal_puts_a_key_or_a_payload_into_the_log(
        self, enrolled: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        take(batch(reports=[{"evidence": "planted"}]), enrolled["mombasa"], name="nairobi")
        assert "planted" not in caplog.text
        assert enrolled["mombasa"] not in caplog.text


@pytest.mark.django_db
class TestClock:
    def test_an_agent_whose_clock_is_ahead_shows_by_how_much(self, enrolled: dict[str, str]) -> None:
        for number in range(3):  # 40 s ahead; each way takes a tenth of a second or more
            take(
                batch(nonce=f"n{number}", sent_at=SENT + number + 40, outward_s=40.1 + number / 10),
                enrolled["nairobi"],
                after=number + 0.1,
            )
        nairobi = Vantage.objects.get(name="nairobi")
        assert (nairobi.skew_ms, nairobi.skew_error_ms) == (40_000, 100)

    def test_a_clock_that_is_hours_off_is_shown_though_nothing_else_is_believed(self, enrolled: dict[str, str]) -> None:
        take(batch(sent_at=SENT - 7200, outward_s=-7199.9), enrolled["nairobi"])
        nairobi = Vantage.objects.get(name="nairobi")
        assert (nairobi.skew_ms, nairobi.refused_because, nairobi.last_heard_at) == (-7_200_000, "clock", None)


@pytest.mark.django_db
class TestSilence:
    def test_an_agent_that_said_nothing_for_a_minute_is_silent(self) -> None:
        vantage = VantageFactory(last_heard_at=NOON)
        assert not vantages.is_silent(vantage, NOON + timedelta(seconds=60))
        assert vantages.is_silent(vantage, NOON + timedelta(seconds=61))

    def test_one_that_never_spoke_is_silent(self) -> None:
        assert vantages.is_silent(VantageFactory(), NOON)

    def test_a_passive_vantage_has_no_agent_that_could_be_silent(self) -> None:
        assert not vantages.is_silent(VantageFactory(name="pushed", is_passive=True), NOON)
