"""Columns that several lists share: phases, states and publicity in the desk's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from statuspage.templatetags.desk import phase_word, shape, status_word

if TYPE_CHECKING:
    from django.contrib.admin import display
else:
    from unfold.decorators import display

__all__ = ["display", "phase_column", "publication_column", "state_cell"]

PUBLICITY = {"draft": "Draft", "published": "Public", "discarded": "Discarded"}


@display(description="Phase", ordering="status")
def phase_column(admin: Any, row: Any) -> str:
    return phase_word(row.status)


@display(description="Public?", ordering="publication")
def publication_column(admin: Any, row: Any) -> str:
    return PUBLICITY[row.publication]


def state_cell(status: str) -> SafeString:
    """Word and shape; the shape is drawn inline, so a list needs nothing else."""
    return render_to_string("admin/desk/_state.html", {"shape": shape(status), "word": status_word(status)})
