"""Settings, read from the environment; safe for production unless told otherwise.

Three layers, the first that names a value wins: the process's environment, `$HALI_DATA_DIR/env`
(written by `make run`), the defaults below; a secret may lie in a file (statuspage.environment). Every name
read here stands in README's settings table; a test compares the two.
"""

from __future__ import annotations

import re
import warnings
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured

from incidents import exercise, policy
from probes import addresses, pacing, reference
from statuspage import brand, broker, desk_frame, logs, oidc, processes, s3, sign_in
from statuspage.environment import BASE_DIR, DATA_DIR, UnreadableFile, env
from statuspage.environment import boolean as _boolean
from statuspage.environment import integer as _integer
from statuspage.environment import one_of as _one_of
from subscribers import channels, pace_rules


def _agent_key() -> str:
    """The agent's own key, from the environment or a file."""
    from probes import signed_batches  # only an agent pays for the library behind it

    path = Path(env.str("HALI_AGENT_KEY_FILE", default=str(DATA_DIR / "agent.key")))
    try:
        key: str = env.str("HALI_AGENT_KEY", default="").strip() or path.read_text().strip()
        signed_batches.public_key_of(key)
    except (OSError, ValueError, ImproperlyConfigured):  # whatever it is, the words must not hold the key
        raise ImproperlyConfigured(
            f"HALI_AGENT_KEY is no agent's key, nor is the file {path}: run `manage.py add_vantage {HALI_AGENT}` where the "
            "database is, and give this agent the key it prints."
        ) from None
    return key


# --- This copy -------------------------------------------------------------------------------
DEMO = _boolean("HALI_DEMO", False)
DEBUG = _boolean("DEBUG", False)
HALI_PORT = _integer("HALI_PORT", 8000, 1, 65535)
HALI_SANDBOX_PORT = _integer("HALI_SANDBOX_PORT", 8001, 1, 65535)
HALI_AGENT = env.str("HALI_AGENT", default="").strip()  # the vantage name of an agent; empty elsewhere
AGENT_KEY = ""  # what an agent signs its outcomes with; nobody else has it
if HALI_AGENT:
    AGENT_KEY = _agent_key()
try:  # what an agent must be able to reach, or it says nothing of anything
    REFERENCE_TARGETS = reference.parse(env.str("HALI_REFERENCE_TARGETS", default=""))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_REFERENCE_TARGETS: {error}.") from error
try:  # runs a minute that a host may be asked; no host is capped unless named
    HOST_RATES = pacing.parse_rates(env.str("HALI_HOST_RATES", default=""))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_HOST_RATES: {error}.") from error
try:  # the addresses its probes may ask
    PROBE_NETWORKS = addresses.parse(env.str("HALI_PROBE_NETWORKS", default="public,loopback" if DEMO else "any"))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_PROBE_NETWORKS: {error}.") from error

# A rehearsal's copy (`manage.py drill`): a file makes it one, and nothing of it may lead out of its folder.
EXERCISE = (DATA_DIR / exercise.MARKER).is_file()

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not HALI_AGENT:  # an agent signs nothing and keeps nothing
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. `make run` writes one into $HALI_DATA_DIR/env; in production set it "
            "to 50 or more random characters."
        )
    SECRET_KEY = "an agent signs nothing"  # noqa: S105

BASE_URL = env.str("HALI_BASE_URL", default=f"http://127.0.0.1:{HALI_PORT}").rstrip("/")
if not BASE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"HALI_BASE_URL={BASE_URL!r}: give the public address with http:// or https://.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
# Cookies know no port: copies side by side on one host must not share their names.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"hali_session_{HALI_PORT}", f"hali_csrf_{HALI_PORT}"
if SESSION_COOKIE_SECURE:  # a browser takes these from this host alone, over https alone
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"__Host-{SESSION_COOKIE_NAME}", f"__Host-{CSRF_COOKIE_NAME}"
SESSION_COOKIE_AGE = 12 * 60 * 60  # one shift; statuspage.sessions ends it then, whatever is done meanwhile
IDLE_MINUTES = _integer("HALI_IDLE_MINUTES", 60, 5, 12 * 60)
# How many proxies of ours a request passes: the address is taken from that place of X-Forwarded-For, never from what came before.
TRUSTED_PROXIES = _integer("HALI_TRUSTED_PROXIES", 1 if _boolean("HALI_BEHIND_PROXY", False) else 0, 0, 5)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# Plain HTTP is sent on by the proxy, and once more here; who asks on this host whether we are well needs no TLS.
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE and TRUSTED_PROXIES > 0
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS of this host alone: what lies below it is not ours to decide
    "security.W021",  # nor whether browsers ship it in their lists
    *(one.strip() for one in env.list("HALI_SILENCED_CHECKS", default=[]) if one.strip()),
]
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0  # as snapshot.headers

# --- Who speaks, in which languages, on which clock -------------------------------------------
PROVIDER_NAME = env.str("HALI_PROVIDER_NAME", default="Mfano Pesa" if DEMO else "Payments")
if EXERCISE:
    PROVIDER_NAME = f"{exercise.PROVIDER} {PROVIDER_NAME}"
HELP_LINE = env.str("HALI_HELP_LINE", default="0800 000 100" if DEMO else "")
SPOKESPEOPLE = [name.strip() for name in env.str("HALI_SPOKESPEOPLE", default="").split(",") if name.strip()]
CONTACT = env.str("HALI_CONTACT", default="status@mfanopesa.example" if DEMO else "").strip()
PIN_WARNING = _boolean("HALI_PIN_WARNING", True)
try:
    ACCENT = brand.accent_of(env.str("HALI_ACCENT", default="#6b2fa0").strip())
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_ACCENT: {error}.") from error
_logo = env.str("HALI_LOGO", default=str(BASE_DIR / "static" / "img" / "mfano-pesa.svg") if DEMO else "").strip()
try:
    MARK = brand.read_mark(Path(_logo)) if _logo else None
except (OSError, ValueError) as error:
    raise ImproperlyConfigured(f"HALI_LOGO={_logo!r}: {getattr(error, 'strerror', None) or error}.") from error
try:
    LINKS = brand.links_of(env.str("HALI_LINKS", default=""))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_LINKS: {error}.") from error
NOINDEX = _boolean("HALI_NOINDEX", False)
COUNTRY = env.str("HALI_COUNTRY", default="KE" if DEMO else "").strip().upper()
PICTURE_FONT = env.str("HALI_PICTURE_FONT", default="").strip()
if PICTURE_FONT and not Path(PICTURE_FONT).is_file():
    raise ImproperlyConfigured(f"HALI_PICTURE_FONT={PICTURE_FONT!r}: there is no such file; give a TrueType or OpenType font.")
UPTIME_RULE = _one_of(
    "HALI_UPTIME_RULE",
    "statuspage",
    frozenset({"statuspage", "full", "full_with_planned"}),
    "use statuspage, full or full_with_planned.",
)
LOCALE_PATHS = [BASE_DIR / "statuspage" / "locale"]
_known_languages = {"en": "English"} | {
    folder.parent.parent.name: LANG_INFO[folder.parent.parent.name]["name_local"]
    for folder in sorted(LOCALE_PATHS[0].glob("*/LC_MESSAGES/django.po"))
    if folder.parent.parent.name in LANG_INFO
}
_codes = [code.strip() for code in env.str("HALI_LANGUAGES", default="en,sw").split(",") if code.strip()]
if not _codes:
    raise ImproperlyConfigured("HALI_LANGUAGES is empty: name at least one language, for example en,sw.")
for _code in _codes:
    if _code not in _known_languages:
        raise ImproperlyConfigured(
            f"HALI_LANGUAGES names {_code!r}: known are {', '.join(_known_languages)}. "
            "README's recipe “Add a language” tells how to add one."
        )
LANGUAGES = [(code, _known_languages[code]) for code in _codes]
LANGUAGE_CODE = _codes[0]
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["statuspage.formats"]  # the desk is on 24 hours; the page words its own times
PAGE_TIME_ZONE = _one_of(
    "HALI_TIME_ZONE",
    "Africa/Nairobi" if DEMO else "Etc/UTC",
    frozenset(available_timezones()),
    "give a name of the IANA list, for example Africa/Nairobi or Etc/UTC.",
)
TIME_ZONE = PAGE_TIME_ZONE

# --- Storage ---------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]]
if HALI_AGENT:  # an agent needs only the broker: whatever DATABASE_URL says, it has no database
    DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
else:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an unknown scheme is told below, in one line
            DATABASES = {"default": dict(env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'hali.sqlite3'}"))}
    except UnreadableFile:
        raise
    except Exception:  # noqa: BLE001  whatever it is, its words may hold the password
        raise ImproperlyConfigured("DATABASE_URL cannot be read: give postgres://… or sqlite:///….") from None
    _engine = DATABASES["default"].get("ENGINE")
    if _engine == "django.db.backends.sqlite3":
        DATABASES["default"]["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",  # a writer waits at BEGIN instead of failing at its first write
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000; "
            "PRAGMA journal_size_limit=67108864",
        }
    elif _engine == "django.db.backends.postgresql":
        DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
        if not processes.has_desk():  # no requests there, whose threads come and go: a worker's connection is kept
            DATABASES["default"].setdefault("CONN_MAX_AGE", None)
        DATABASES["default"]["OPTIONS"] = {"connect_timeout": 3, **DATABASES["default"].get("OPTIONS", {})}
    else:
        raise ImproperlyConfigured("DATABASE_URL: give postgres://… or sqlite:///….")
_has_days = DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"  # results then go by the day, dropped whole
KEEP_RESULTS_HOURS = _integer("HALI_KEEP_RESULTS_HOURS", 336 if _has_days else 48, 3, 24 * 366)
KEEP_HOURS_DAYS = _integer("HALI_KEEP_HOURS_DAYS", 400, 2, 3660)
KEEP_DAYS_YEARS = _integer("HALI_KEEP_DAYS_YEARS", 10, 1, 100)
SQLITE_RESULTS = _integer("HALI_SQLITE_RESULTS", 1_000_000, 10_000, 100_000_000)  # at most, whatever the hours say
KEEP_WORK_DAYS = _integer("HALI_KEEP_WORK_DAYS", 400, 30, 3660)  # deliveries, alerts, shifts: what staff did, not what was said
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

try:  # a copy of the page in an object store
    PUBLISH_TO = s3.parse(_publish_to) if (_publish_to := env.str("HALI_PUBLISH_TO", default="").strip()) else None
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_PUBLISH_TO: {error}.") from error
PUBLISH_KEY = env.str("HALI_PUBLISH_KEY", default="").strip()
if PUBLISH_TO and not re.fullmatch(r"[^:\s]+:\S+", PUBLISH_KEY):
    raise ImproperlyConfigured("HALI_PUBLISH_KEY: give the store's key as <id>:<secret>.")
SNAPSHOT_DIR = Path(env.str("HALI_SNAPSHOT_DIR", default=str(DATA_DIR / "snapshot"))).absolute()

# --- Broker ----------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default=f"redis+socket://{DATA_DIR / 'broker.sock'}")
_led_out = [name for name in exercise.FORBIDDEN if env.str(name, default="").strip()]
if EXERCISE and (_led_out or f"redis+socket://{broker.socket_path(DATA_DIR)}" != REDIS_URL):
    raise ImproperlyConfigured(f"{', '.join(_led_out) or 'REDIS_URL'}: an exercise has none, and contacts nobody. Unset it.")
if not REDIS_URL.startswith(("redis://", "rediss://", "redis+socket://")):
    raise ImproperlyConfigured("REDIS_URL: give redis://…, rediss://… or redis+socket://….")  # its text may hold a password
if REDIS_URL.startswith("rediss://") and "ssl_cert_reqs=" not in REDIS_URL:  # else Celery's client takes whoever answers
    REDIS_URL += f"{'&' if '?' in REDIS_URL else '?'}ssl_cert_reqs=required"

# --- Cache: how often somebody tried to sign in. Shared by all web workers, so it is never each one's own memory -------------
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"}}
if REDIS_URL.startswith("redis+socket://"):
    CACHES["default"]["LOCATION"] = str(DATA_DIR / "cache")  # the broker of `make run` may be gone while the desk is not
else:
    CACHES["default"] = {"BACKEND": "statuspage.cache.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "hali"}

# --- Mail and subscribers ----------------------------------------------------------------------
MAIL_FROM = env.str("HALI_MAIL_FROM", default="status@mfanopesa.example" if DEMO else "")
MAIL_REPLY_TO = env.str("HALI_MAIL_REPLY_TO", default="")
POSTAL_ADDRESS = env.str("HALI_POSTAL_ADDRESS", default="")
MAIL_DIR = DATA_DIR / "mail"
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    try:
        vars().update(env.email_url_config(EMAIL_URL))
    except Exception:  # noqa: BLE001  whatever it is, its words may hold the password
        raise ImproperlyConfigured("EMAIL_URL cannot be read: give smtp://host:port.") from None
    EMAIL_TIMEOUT = 15
else:
    EMAIL_BACKEND = "subscribers.transports.eml_folder.EmailBackend"
# Mail that comes back: a mailbox we read, and a mail provider's webhooks (below /anymail/), which show a user and a password.
BOUNCE_MAILBOX = env.str("HALI_BOUNCE_MAILBOX", default="").strip()
if BOUNCE_MAILBOX and not BOUNCE_MAILBOX.startswith(("maildir:///", "imaps://")):
    raise ImproperlyConfigured("HALI_BOUNCE_MAILBOX: give maildir:///path or imaps://user:password@host/INBOX.")  # may hold one
MAIL_WEBHOOK_SECRET = env.str("HALI_MAIL_WEBHOOK_SECRET", default="").strip()
if MAIL_WEBHOOK_SECRET and not re.fullmatch(r"[^:\s]+:[^:\s]{16,}", MAIL_WEBHOOK_SECRET):
    raise ImproperlyConfigured("HALI_MAIL_WEBHOOK_SECRET: give a user and a password of 16 or more characters, as hooks:….")
ANYMAIL = {"WEBHOOK_SECRET": MAIL_WEBHOOK_SECRET, **env.dict("HALI_MAIL_WEBHOOK_KEYS", default={})}
OUTLET_DIR = DATA_DIR / "outlets"
SENDERS = _integer("HALI_SENDERS", 1, 1, 64)  # at work at once on this machine
MAIL_CONNECTIONS = _integer("HALI_MAIL_CONNECTIONS", 4, 1, 64)  # of one sender to the mail server
SEND_HOLD = timedelta(seconds=_integer("HALI_SEND_HOLD", 60, 0, 3600))  # until then a published word can be kept from subscribers
try:  # what may wait until the morning, and when the day's news goes out in one
    QUIET_HOURS = pace_rules.parse_hours(env.str("HALI_QUIET_HOURS", default=""))
    DIGEST_AT = pace_rules.parse_clock(env.str("HALI_DIGEST_AT", default="08:00"))
    SEND_RATES = pace_rules.parse_rates(env.str("HALI_SEND_RATES", default=""))
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
# Addresses are encrypted (first key encrypts, all decrypt) and looked up by a keyed hash that never rotates.
ADDRESS_KEYS = env.list("HALI_ADDRESS_KEYS", default=[])
ADDRESS_HASH_KEY = env.str("HALI_ADDRESS_HASH_KEY", default="")
# Where subscribers' URLs may lead. The test switch allows http, any port and this machine itself: never where strangers sign up.
WEBHOOK_TEST = _boolean("HALI_WEBHOOK_TEST", False)
WEBHOOK_NAME_SERVER = env.str("HALI_WEBHOOK_NAME_SERVER", default="").strip()
if WEBHOOK_NAME_SERVER and not re.fullmatch(r"[0-9a-fA-F.:]+:\d{1,5}", WEBHOOK_NAME_SERVER):
    raise ImproperlyConfigured("HALI_WEBHOOK_NAME_SERVER: give an address and a port, for example 10.0.0.53:53.")
CHANNELS = [one.strip() for one in env.list("HALI_CHANNELS", default=list(channels.CHANNELS))]
if unknown := set(CHANNELS) - set(channels.CHANNELS):
    raise ImproperlyConfigured(f"HALI_CHANNELS: {', '.join(sorted(unknown))}: take {', '.join(channels.CHANNELS)}.")
# SMS and USSD by Africa's Talking: off until there is a key. What it posts back comes under the unguessable part of an address.
SMS_USERNAME = env.str("HALI_SMS_USERNAME", default="").strip()
SMS_KEY = env.str("HALI_SMS_KEY", default="").strip()
SMS_FROM = env.str("HALI_SMS_FROM", default="").strip()
SMS_CALLBACK_TOKEN = env.str("HALI_SMS_CALLBACK_TOKEN", default="").strip()  # empty: nothing is taken from the gateway, no USSD
if SMS_CALLBACK_TOKEN and not re.fullmatch(r"[A-Za-z0-9_-]{16,100}", SMS_CALLBACK_TOKEN):
    raise ImproperlyConfigured(
        "HALI_SMS_CALLBACK_TOKEN: give 16 or more letters and digits, as `openssl rand -hex 16` makes them."
    )
try:
    SMS_CALLBACK_FROM = [ip_network(one.strip()) for one in env.list("HALI_SMS_CALLBACK_FROM", default=[]) if one.strip()]
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_SMS_CALLBACK_FROM: {error}: give addresses or networks, with commas between.") from error
SMS_URL = env.str("HALI_SMS_URL", default="https://api.africastalking.com").strip().rstrip("/")
if not SMS_URL.startswith(("https://", "http://127.0.0.1")):
    raise ImproperlyConfigured("HALI_SMS_URL: give https://….")
SMS_COUNTRIES = env.list("HALI_SMS_COUNTRIES", default=["+254"])
if not SMS_COUNTRIES or not all(re.fullmatch(r"\+[1-9]\d{0,5}", prefix) for prefix in SMS_COUNTRIES):
    raise ImproperlyConfigured("HALI_SMS_COUNTRIES: give prefixes as +254, with commas between.")

# --- The desk ----------------------------------------------------------------------------------
UNATTENDED_MINUTES = _integer("HALI_UNATTENDED_MINUTES", 5, 0, 24 * 60)  # 0: never publish unattended
try:
    GATES_OFF = policy.parse_gates(env.list("HALI_GATES_OFF", default=[]))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_GATES_OFF: {error}.") from error
# When the review of a resolved incident is due, in days after its end: figures.REVIEW_DAYS by impact.
_review, _review_major = _integer("HALI_REVIEW_DAYS", 14, 1, 365), _integer("HALI_REVIEW_DAYS_MAJOR", 3, 1, 365)
REVIEW_DAYS = {"none": _review, "minor": _review, "major": _review_major, "critical": _review_major}
# Deadlines that an incident sets running: profiles by code (None: those on by default), what this provider is, and days off.
DEADLINE_PROFILES = env.list("HALI_DEADLINES", default=[]) or None
DEADLINE_CONDITIONS = env.list("HALI_DEADLINES_AS", default=[])
try:
    HOLIDAYS = [date.fromisoformat(day.strip()) for day in env.list("HALI_HOLIDAYS", default=[]) if day.strip()]
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_HOLIDAYS: {error}: give days as 2026-12-25, with commas between.") from error
# How duty is called beside mail.
SEED_LIST = [one.strip() for one in env.str("HALI_SEED_LIST", default="").split(",") if one.strip()]
PUSH_KEY = env.str("HALI_PUSH_KEY", default="").strip()
if PUSH_KEY and not re.fullmatch(r"[\w-]{43}=?", PUSH_KEY):
    raise ImproperlyConfigured("HALI_PUSH_KEY: give 32 octets in base64url, as `vapid --gen` or secrets.token_urlsafe(32) does.")
AUDIT_HEADS = env.str("HALI_AUDIT_HEADS", default=str(DATA_DIR / "audit-heads.jsonl"))
AUDIT_HEADS_TO = [one.strip() for one in env.str("HALI_AUDIT_HEADS_TO", default="").split(",") if one.strip()]
TYPE_NUMBER_ABOVE = _integer("HALI_TYPE_NUMBER_ABOVE", 100_000, 0, 10**9)
ALERT_WEBHOOK = env.str("HALI_ALERT_WEBHOOK", default="").strip()  # takes what Alertmanager sends its receivers
PAGERDUTY_KEY = env.str("HALI_PAGERDUTY_KEY", default="").strip()
PAGERDUTY_URL = env.str("HALI_PAGERDUTY_URL", default="https://events.pagerduty.com/v2/enqueue").strip()
for _name, _url in (("HALI_ALERT_WEBHOOK", ALERT_WEBHOOK), ("HALI_PAGERDUTY_URL", PAGERDUTY_URL)):
    if _url and not _url.startswith(("https://", "http://")):
        raise ImproperlyConfigured(f"{_name}: give an address with https://.")
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "account_login", "admin:index", "account_login"
try:
    OIDC = oidc.parse(env.str("HALI_OIDC", default="").strip(), secret=env.str("HALI_OIDC_SECRET", default=""))
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_OIDC: {error}.") from error
DEMO_PASSWORD = env.str("HALI_DEMO_PASSWORD", default="")  # of the demo accounts; written by `make run`

# --- Answers of gateways that come later -------------------------------------------------------
CALLBACK_TOKEN = env.str("HALI_CALLBACK_TOKEN", default="").strip()  # the unguessable part of their address; empty: there is none
if CALLBACK_TOKEN and not re.fullmatch(r"[A-Za-z0-9_-]{16,100}", CALLBACK_TOKEN):
    raise ImproperlyConfigured(
        "HALI_CALLBACK_TOKEN: give 16 or more letters and digits, for example from `openssl rand -hex 16`."
    )
try:
    CALLBACK_FROM = [ip_network(one.strip()) for one in env.list("HALI_CALLBACK_FROM", default=[]) if one.strip()]
except ValueError as error:
    raise ImproperlyConfigured(f"HALI_CALLBACK_FROM: {error}: give addresses or networks, with commas between.") from error

# --- The write API -------------------------------------------------------------------------------
API_RATE = _integer("HALI_API_RATE", 300, 10, 100_000)  # requests a minute of one token

# --- What operators' Prometheus may read --------------------------------------------------------
METRICS_TOKEN = env.str("HALI_METRICS_TOKEN", default="").strip()  # empty: nobody; in the demo, this machine
if METRICS_TOKEN and not re.fullmatch(r"[A-Za-z0-9_-]{16,100}", METRICS_TOKEN):
    raise ImproperlyConfigured("HALI_METRICS_TOKEN: give 16 or more letters and digits, for example from `openssl rand -hex 16`.")

# --- Django ------------------------------------------------------------------------------------
_ALL_APPS = [
    "statuspage",
    "incidents",
    "probes",
    "subscribers",
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",  # statuspage.urls registers the desk: only the web process pays for it
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
_SIGN_IN_APPS = ["allauth", "allauth.account", "allauth.mfa", "allauth.usersessions"]
if OIDC:
    _SIGN_IN_APPS += ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
if MAIL_WEBHOOK_SECRET:
    _ALL_APPS.append("anymail")
INSTALLED_APPS = [] if HALI_AGENT else _ALL_APPS  # an agent has no rows, and saves the megabytes of models
if not HALI_AGENT and processes.has_desk():  # nobody signs in at the others: they save its megabytes
    INSTALLED_APPS = [*_ALL_APPS, *_SIGN_IN_APPS]
MIDDLEWARE = [
    "statuspage.clicks.Clicks",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "statuspage.doors.Doors",
    "statuspage.sessions.Sessions",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
vars().update(sign_in.of_allauth(issuer=PROVIDER_NAME, proxies=TRUSTED_PROXIES, is_https=SESSION_COOKIE_SECURE, oidc=OIDC))
ROOT_URLCONF = "statuspage.urls"
WSGI_APPLICATION = "statuspage.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "statuspage.sessions.frame",
            ],
            "string_if_invalid": "",
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
FILE_UPLOAD_HANDLERS = ["statuspage.uploads.Refused"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = DEMO or DEBUG  # production serves what collectstatic gathered
WHITENOISE_AUTOREFRESH = DEBUG
UNFOLD = desk_frame.of_unfold(provider=PROVIDER_NAME, static=STATIC_URL, accent=ACCENT.light)
DEFAULT_EXCEPTION_REPORTER_FILTER = "statuspage.error_reports.Filter"
LOG_LEVEL = _one_of(
    "HALI_LOG_LEVEL", "INFO", frozenset({"DEBUG", "INFO", "WARNING", "ERROR"}), "give DEBUG, INFO, WARNING or ERROR."
)
LOG_FORMAT = _one_of("HALI_LOG_FORMAT", "line", frozenset({"line", "json"}), "give line or json.")
LOGGING = logs.settings_of(level=LOG_LEVEL, form=LOG_FORMAT)
SENTRY_DSN = env.str("HALI_SENTRY_DSN", default="").strip()
if SENTRY_DSN:
    _secrets = [SECRET_KEY, ADDRESS_HASH_KEY, *ADDRESS_KEYS, AGENT_KEY, METRICS_TOKEN, PUBLISH_KEY, PAGERDUTY_KEY]
    _secrets += [
        CALLBACK_TOKEN,
        SMS_KEY,
        SMS_CALLBACK_TOKEN,
        PUSH_KEY,
        DEMO_PASSWORD,
        env.str("HALI_OIDC_SECRET", default="").strip(),
    ]
    _secrets += [MAIL_WEBHOOK_SECRET.partition(":")[2], *ANYMAIL.values()]
    logs.report_to_sentry(SENTRY_DSN, secrets=[secret for secret in _secrets if secret])
