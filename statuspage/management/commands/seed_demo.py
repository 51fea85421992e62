"""`manage.py seed_demo`: the invented provider Mfano Pesa. Running it again changes nothing but what must follow the settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from incidents import holding, stating
from incidents.languages import in_all
from incidents.models import Component, ComponentGroup, Notice
from incidents.signing import sign_notice
from incidents.statements import WORDS, Level
from incidents.words import ComponentStatus, IncidentStatus
from probes import vantages
from probes.models import Probe, ProbeSchedule, Vantage
from probes.scheduling import reset, schedule
from statuspage import roles

VANTAGE = "nairobi"
LOOPBACK = "http://127.0.0.1:"
# Each demo probe: the service it watches, its interval, and what its spec says beside the address. Short, so that a rehearsal is.
PROBES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "stk-oauth": ("stk-push", 5, {"recipe": "oauth"}),
    "stk-gateway": ("stk-push", 5, {"recipe": "gateway"}),
    "stk-query": ("stk-push", 5, {"recipe": "stk-query"}),
    "payouts-status": ("payouts", 10, {"recipe": "status-rt", "late_s": 5, "lost_s": 20}),
}
ACCOUNTS = {
    "writer": roles.AUTHOR,
    "approver": roles.APPROVER,
    "engineer": roles.ENGINEER,
    "translator": roles.TRANSLATOR,
    "page-admin": roles.PAGE_ADMIN,
    "user-admin": roles.USER_ADMIN,
    "auditor": roles.AUDITOR,
    # The heads who sign what is said of data and funds.
    "security": roles.SECURITY,
    "operations": roles.OPERATIONS,
    "data-protection": roles.DATA_PROTECTION,
    "finance": roles.FINANCE,
}

# (group, English, Kiswahili, its services as (code, English, Kiswahili)), in the order of the page.
GROUPS: tuple[tuple[str, str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "sending-and-cash",
        "Sending and cash",
        "Kutuma na kutoa pesa",
        (
            ("send-money", "Send money", "Tuma pesa"),
            ("withdraw-agent", "Withdraw at an agent", "Toa pesa kwa wakala"),
            ("deposit-agent", "Deposit at an agent", "Weka pesa kwa wakala"),
        ),
    ),
    (
        "paying",
        "Paying",
        "Kulipa",
        (
            ("paybill", "Pay a bill", "Lipa bili"),
            ("till", "Pay at a till", "Lipa kwa till"),
            ("electricity", "Electricity tokens", "Tokeni za stima"),
            ("airtime", "Airtime and bundles", "Muda wa maongezi na bundles"),
        ),
    ),
    (
        "reaching",
        "How you reach Mfano Pesa",
        "Njia za kutumia Mfano Pesa",
        (
            ("app", "Mfano Pesa app", "App ya Mfano Pesa"),
            ("ussd", "USSD menu", "Menyu ya USSD"),
            ("sim-menu", "SIM menu", "Menyu ya SIM"),
            ("sms", "Confirmation SMS", "SMS za uthibitisho"),
        ),
    ),
    ("savings-and-loans", "Savings and loans", "Akiba na mikopo", (("savings", "Savings and loans", "Akiba na mikopo"),)),
    ("banks", "Banks", "Benki", (("bank-transfer", "Bank transfers", "Kutuma pesa benki na kutoka benki"),)),
    ("government", "Government", "Serikali", (("government", "Government payments", "Malipo ya serikali"),)),
    (
        "business",
        "For businesses and developers",
        "Kwa biashara na wasanidi programu",
        (
            ("stk-push", "STK push", "STK push"),
            ("payouts", "Payouts to customers", "Malipo kwa wateja"),
        ),
    ),
)


class Words(NamedTuple):
    """One notice: when it is used, what it states, how soon the next word is promised, and its texts."""

    code: str
    phase: str
    states: str
    opens_for: tuple[str, ...]
    cadence_minutes: int
    title: dict[str, str]
    body: dict[str, str]


# What you will notice; what to do; what we are doing; when the next word comes. One idea a sentence.
NOTICES = (
    Words(
        "delayed",
        IncidentStatus.INVESTIGATING,
        ComponentStatus.DELAYED,
        (ComponentStatus.DELAYED, ComponentStatus.DEGRADED_PERFORMANCE),
        60,
        {
            "en": "{component}: slower than usual since {since}",
            "sw": "Huduma ya {component} inachelewa tangu {since}",
        },
        {
            "en": "{component} takes longer than usual since {since}. Do not send or pay again. Wait for your SMS. "
            "We are finding out why. Next update by {next}.",
            "sw": "Huduma ya {component} inachukua muda mrefu kuliko kawaida tangu {since}. Usitume wala kulipa tena. "
            "Subiri SMS ya uthibitisho. Tunatafuta chanzo. Taarifa ijayo kufikia {next}.",
        },
    ),
    Words(
        "down",
        IncidentStatus.INVESTIGATING,
        ComponentStatus.PARTIAL_OUTAGE,
        (ComponentStatus.PARTIAL_OUTAGE, ComponentStatus.MAJOR_OUTAGE),
        20,
        {
            "en": "{component}: not working, or failing for some, since {since}",
            "sw": "Huduma ya {component} haipatikani, au inakwama kwa baadhi ya wateja, tangu {since}",
        },
        {
            "en": "{component} is not working, or is failing for some people, since {since}. Do not try again until we say that "
            "it is working. If you have paid, wait for your SMS. We are finding out why. Next update by {next}.",
            "sw": "Huduma ya {component} haipatikani, au inakwama kwa baadhi ya wateja, tangu {since}. Usijaribu tena hadi "
            "tuseme kuwa inafanya kazi. Kama umelipa, subiri SMS ya uthibitisho. Tunatafuta chanzo. "
            "Taarifa ijayo kufikia {next}.",
        },
    ),
    Words(
        "no-change",
        "",
        "",
        (),
        30,
        {
            "en": "{component}: a problem since {since}",
            "sw": "Huduma ya {component} ina hitilafu tangu {since}",
        },
        {
            "en": "We are still working on {component}. Do not send or pay again. Wait for your SMS. Next update by {next}.",
            "sw": "Bado tunashughulikia huduma ya {component}. Usitume wala kulipa tena. Subiri SMS ya uthibitisho. "
            "Taarifa ijayo kufikia {next}.",
        },
    ),
    Words(
        "watching",
        IncidentStatus.MONITORING,
        ComponentStatus.OPERATIONAL,
        (),
        60,
        {
            "en": "{component}: a problem since {since}",
            "sw": "Huduma ya {component} ina hitilafu tangu {since}",
        },
        {
            "en": "{component} is working again. We are watching it. Some SMS may come late. If money is missing, check your "
            "balance before you pay again. Next update by {next}.",
            "sw": "Huduma ya {component} imerejea. Tunaifuatilia kwa karibu. Huenda baadhi ya SMS zikachelewa. Kama huoni pesa "
            "zako, angalia salio kabla ya kulipa tena. Taarifa ijayo kufikia {next}.",
        },
    ),
    Words(
        "resolved",
        IncidentStatus.RESOLVED,
        ComponentStatus.OPERATIONAL,
        (),
        0,
        {
            "en": "{component}: a problem since {since}",
            "sw": "Huduma ya {component} ina hitilafu tangu {since}",
        },
        {
            "en": "{component} had a problem that began at {since}. It is working now. If a payment is missing, check your "
            "balance, then call our help line. We are sorry for the trouble.",
            "sw": "Huduma ya {component} ilikuwa na hitilafu iliyoanza {since}. Sasa inafanya kazi. Kama malipo hayaonekani, "
            "angalia salio lako, kisha piga simu ya usaidizi. Tunaomba radhi kwa usumbufu uliojitokeza.",
        },
    ),
)

# Stands in the place of a language that is not written yet; the page shows the first language beneath it.
HOLDING = Words(
    holding.CODE,
    "",
    "",
    (),
    0,
    {"en": "The text is coming", "sw": "Maelezo yanakuja"},
    {
        "en": "The English text is being written and comes here soon. Until then, read it in the other language.",
        "sw": "Maelezo ya Kiswahili yanaandikwa na yatatolewa hapa hivi karibuni. Kwa sasa, soma maelezo ya Kiingereza "
        "hapa chini.",
    },
)

# They stand by themselves beside a major or critical incident; about payments as such, not one service.
SAFETY_NOTICES = tuple(
    Words(stating.NOTICES[level], "", "", (), 0, {"en": "Your money and your data", "sw": "Pesa zako na data yako"}, WORDS[level])
    for level in (Level.CHECKING, Level.ADVICE)
)


class Command(BaseCommand):
    help = "Enter the demo provider: services, notices, probes of the sandbox gateway, accounts. Only with HALI_DEMO=true."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("HALI_DEMO is not set: the demo provider is entered into demo copies only.")
        if not settings.DEMO_PASSWORD:
            raise CommandError("HALI_DEMO_PASSWORD is empty: set it. `make run` writes one into $HALI_DATA_DIR/env.")
        with transaction.atomic():
            self._seed(timezone.now())
        self.stdout.write(
            f"Demo provider: {Component.objects.count()} services, {Notice.objects.count()} notices, "
            f"{Probe.objects.count()} probes; accounts {', '.join(ACCOUNTS)}."
        )

    def _seed(self, now: datetime) -> None:
        try:
            roles.sync()
        except roles.UnknownPermission as error:
            raise CommandError(str(error)) from error
        accounts = _accounts()
        accounts["writer"].groups.add(Group.objects.get(name=roles.BREAK_GLASS))
        _services()
        for words in (*NOTICES, HOLDING, *SAFETY_NOTICES):
            _notice(words, accounts["approver"], now)
        _probes(now)


def _accounts() -> dict[str, User]:
    """Made once; the password follows the settings, because `make run` prints that one. It is the same for all, so it is hashed
    once for all: half a second each would hold up every start."""
    made = {}
    for name, role in ACCOUNTS.items():
        defaults = {"email": f"{name}@desk.mfanopesa.example", "is_staff": True}
        made[name], _ = User.objects.get_or_create(username=name, defaults=defaults)
        made[name].groups.add(Group.objects.get(name=role))
    kept = made["writer"].password
    hashed = kept if kept and check_password(settings.DEMO_PASSWORD, kept) else make_password(settings.DEMO_PASSWORD)
    User.objects.filter(username__in=ACCOUNTS).exclude(password=hashed).update(password=hashed)
    return made


def _services() -> None:
    position = 0
    for number, (code, english, kiswahili, services) in enumerate(GROUPS, start=1):
        group, _ = ComponentGroup.objects.get_or_create(
            code=code, defaults={"name": in_all({"en": english, "sw": kiswahili}), "position": number}
        )
        for service, name, name_sw in services:
            position += 1
            Component.objects.get_or_create(
                code=service, defaults={"group": group, "name": in_all({"en": name, "sw": name_sw}), "position": position}
            )


def _notice(words: Words, signer: User, now: datetime) -> None:
    """Signed when it is made. One that was changed later is left as it is: its words are somebody's work."""
    notice, made = Notice.objects.get_or_create(
        code=words.code,
        defaults={
            "phase": words.phase,
            "component_status": words.states,
            "opens_for": [str(status) for status in words.opens_for],
            "cadence_minutes": words.cadence_minutes,
            "title": in_all(words.title),
            "body": in_all(words.body),
        },
    )
    if made:
        sign_notice(notice=notice, signer=signer, now=now)


def _probes(now: datetime) -> None:
    """The sandbox's recipes watch two services; their address follows HALI_SANDBOX_PORT."""
    vantage, _ = Vantage.objects.get_or_create(name=VANTAGE, defaults={"label": "Nairobi"})
    vantages.enrol_here(name=VANTAGE, path=settings.DATA_DIR / "agent.key")
    base_url = f"{LOOPBACK}{settings.HALI_SANDBOX_PORT}"
    for code, (service, interval, asks) in PROBES.items():
        probe, _ = Probe.objects.get_or_create(
            code=code,
            defaults={
                "component": Component.objects.get(code=service),
                "kind": "payment_flow",
                "spec": {"base_url": base_url, "credentials": "SANDBOX", **asks},
                "interval": interval,
                "timeout": 4,
                "failure_threshold": 2,
                "window": 3,
                "success_threshold": 3,
            },
        )
        asked = str(probe.spec.get("base_url"))
        if asked != base_url and asked.startswith(LOOPBACK):  # one that was pointed elsewhere by hand stays there
            probe.spec = {**probe.spec, "base_url": base_url}
            probe.save(update_fields=["spec"])
            reset(probe=probe, now=int(now.timestamp()))
        if not ProbeSchedule.objects.filter(probe=probe, vantage=vantage).exists():
            schedule(probe=probe, vantage=vantage)
