"""How the desk's frame (django-unfold) looks: its title, its menu, its colours."""

from __future__ import annotations

from typing import Any


def of_unfold(*, provider: str, static: str) -> dict[str, Any]:
    """Unfold's settings. `static`: the address that files of ours lie below."""
    return {
        "SITE_TITLE": f"{provider} desk",
        "SITE_HEADER": provider,
        "SITE_SUBHEADER": "Hali comms desk",
        "SITE_URL": "/",
        "SHOW_HISTORY": True,  # from the audit log: statuspage.admin.base
        "SHOW_VIEW_ON_SITE": False,
        "STYLES": [lambda request: f"{static}css/desk.css", lambda request: f"{static}css/desk-pages.css"],
        "SCRIPTS": [lambda request: f"{static}js/desk.js", lambda request: f"{static}js/compose.js"],
        "SIDEBAR": {"navigation": "statuspage.admin.navigation.menu"},
        "COLORS": {
            "primary": {
                "50": "#f8f3fd",
                "100": "#f0e4fa",
                "200": "#e0c9f5",
                "300": "#c79af0",
                "400": "#a96fdb",
                "500": "#8a4cc0",
                "600": "#6b2fa0",
                "700": "#5a2688",
                "800": "#461d6b",
                "900": "#331550",
                "950": "#210c36",
            }
        },
    }
