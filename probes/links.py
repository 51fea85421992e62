"""Whether a vantage's own link works, told from what its probes of unrelated targets see. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from probes.outcome import OutcomeStatus

NO_CONNECTIVITY = "no_connectivity"
REFERENCE = "reference"  # the phase in which the agent connected to a reference target, in microseconds
# Failures in which nothing came back: they look the same whether the target is gone or our own link.
UNANSWERED = frozenset({"dns", "refused", "timeout_connect", "timeout_read", "deadline", "tls"})
UNRELATED_AT_LEAST = 2
REMEMBERED_FOR = 900.0  # seconds since a target was last asked
UNSURE_FOR = 30.0  # seconds for which a lone vantage waits for an answer from an unrelated target


def site_of(spec: Mapping[str, Any]) -> str:
    """What a probe asks, as coarse as a data centre: the registered part of its host's name, or its address; "" for none.

    Two probes of one site say nothing of the link between us and the world; two of unrelated sites do.
    """
    host = host_of(spec)
    return _registered(host) if host else ""


def host_of(spec: Mapping[str, Any]) -> str:
    """The host a probe asks, in small letters; "" where its spec names none."""
    for key in ("url", "base_url", "host", "server", "resolver", "target"):
        value = spec.get(key)
        if isinstance(value, str) and value:
            return _host(value)
    return ""


@lru_cache(maxsize=4096)
def _host(value: str) -> str:
    try:
        return (urlsplit(value if "//" in value else f"//{value}").hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def _registered(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        labels = host.split(".")
    # co.ke, or.tz, com.gh and their kin: the name that somebody registered is one label longer.
    count = 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
    return ".".join(labels[-count:])


def is_unanswered(status: str, error_class: str, phases: Mapping[str, int] | None = None) -> bool:
    """Whether the failure could be our own link: nothing came back, and no reference target of the agent answered."""
    return status == OutcomeStatus.DOWN and error_class in UNANSWERED and REFERENCE not in (phases or {})


class Run(NamedTuple):
    """What a run says of the link: whom it asked, when it began (epoch seconds), and whether anything came back."""

    site: str
    started_at: float
    answered: bool


@dataclass(frozen=True)
class Link:
    """What a vantage knows of its own link. Times are epoch seconds at which runs began.

    `answered_at`: the newest run in which anything came back. `dark`: for each site the first run without an answer since
    then. `sites`: when each was last asked.
    """

    answered_at: float = 0.0
    dark: Mapping[str, float] = field(default_factory=dict)
    sites: Mapping[str, float] = field(default_factory=dict)

    def seen(self, site: str, started_at: float, *, answered: bool) -> Link:
        """One run more, in any order."""
        if not site:
            return self
        sites = {name: at for name, at in self.sites.items() if at > started_at - REMEMBERED_FOR}
        sites[site] = max(started_at, sites.get(site, 0.0))
        if not answered:
            dark = self.dark if started_at <= self.answered_at else {site: started_at, **self.dark}
            return replace(self, dark=dark, sites=sites)
        answered_at = max(self.answered_at, started_at)
        return Link(answered_at, {name: at for name, at in self.dark.items() if at > answered_at}, sites)

    def seen_all(self, runs: Iterable[Run]) -> Link:
        """Many runs more. Where all were answered, as nearly always, the newest of each site says all."""
        ordered = sorted(runs, key=lambda run: run.started_at)
        if all(run.answered for run in ordered):
            ordered = list({run.site: run for run in ordered}.values())
        link = self
        for run in ordered:
            link = link.seen(run.site, run.started_at, answered=run.answered)
        return link

    @property
    def dark_since(self) -> float | None:
        """Since when nothing has come back from at least two unrelated sites; None while something does."""
        return min(self.dark.values()) if len(self.dark) >= UNRELATED_AT_LEAST else None

    def is_unsure(self, site: str, since: float, now: float) -> bool:
        """Whether a failure without an answer, going on since `since`, could be our own link for all we know."""
        others = [name for name, at in self.sites.items() if name != site and at > now - REMEMBERED_FOR]
        return bool(others) and self.answered_at <= since and now - since < UNSURE_FOR

    def as_json(self) -> dict[str, Any]:
        return {"answered_at": self.answered_at, "dark": dict(self.dark), "sites": dict(self.sites)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Link:
        """The link that `as_json` wrote; {} is a vantage that has not spoken."""
        return cls(**value)


def is_cut(link: Link, others: Mapping[str, Link]) -> bool:
    """Whether a vantage is put out for its own link: it is dark, and no other vantage is: one had answers meanwhile, or there
    is none to ask. Where the others fell dark with it, the targets are gone and not the link."""
    since = link.dark_since
    if since is None:
        return False
    return not others or any(other.answered_at > since for other in others.values())


def fails_alone(bad_sites: int, sites: int) -> bool:
    """Whether a vantage sees trouble at so many sites, which all others find well, that the trouble is its own."""
    return bad_sites >= UNRELATED_AT_LEAST and 2 * bad_sites >= sites
