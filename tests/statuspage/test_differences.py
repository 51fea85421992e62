"""What changed between two texts, marked for whoever signs."""

from __future__ import annotations

from statuspage.differences import difference


def test_a_difference_marks_what_is_new_and_what_is_gone_and_trusts_no_text() -> None:
    said = difference("Update by 16:50.", "Update by <b>17:20</b>.")
    assert '<del><span class="d-hide" lang="en">Removed: </span>16:50.</del>' in said
    assert "&lt;b&gt;17:20&lt;/b&gt;." in said
    assert "<b>" not in said
    assert difference("", "New.") == "New."
