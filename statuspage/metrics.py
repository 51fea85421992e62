"""GET /metrics in OpenMetrics: for whoever shows the token; in the demo, which has none, for this machine."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from probes import metrics as probes
from statuspage import metrics_of_page
from subscribers import metrics as outbox


class _OfNow(Collector):
    def collect(self) -> Iterable[Metric]:
        """Without a database the page and its parts are told all the same: an empty answer would hide what is wrong."""
        now = timezone.now()
        yield from metrics_of_page.of_this_host(now=now)
        for collect in (metrics_of_page.of_rows, probes.collect, outbox.collect):
            try:
                yield from list(collect(now=now))
            except DatabaseError:
                connection.close()
                return


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 for everybody else: nothing says that there is something to ask for."""
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_OfNow())
    text = generate_latest(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        shown = request.headers.get("Authorization", "")
        return constant_time_compare(shown, f"Bearer {settings.METRICS_TOKEN}")
    return settings.DEMO and _is_here(request.META.get("REMOTE_ADDR", ""))


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
