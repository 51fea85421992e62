"""Of a style sheet a page carries the rules that can match something in it, and all of these."""

from __future__ import annotations

import pytest

from statuspage import rendering, sheets
from statuspage.templatetags import public

SHEET = """html{a:b}
.c a,.d{e:f}
@media(min-width:20em){.c{g:h}.d{i:j}}
@media(min-width:40em){.d{k:l}}
@page{margin:1mm}"""


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<html><p>", "html{a:b}\n@page{margin:1mm}"),
        ('<html><p class="c"><a>', "html{a:b}\n.c a{e:f}\n@media(min-width:20em){.c{g:h}}\n@page{margin:1mm}"),
        ('<html><p class="x c">', "html{a:b}\n@media(min-width:20em){.c{g:h}}\n@page{margin:1mm}"),
        ("<html><script>row.className = 'c d';</script><a>", SHEET),
        ("<html> d", "html{a:b}\n@page{margin:1mm}"),
    ],
)
def test_a_page_carries_the_rules_whose_classes_and_elements_it_has(html: str, left: str) -> None:
    assert sheets.trimmed(SHEET, html) == left


@pytest.mark.parametrize(
    "selector",
    [
        "a:hover",
        "a:focus",
        ".s>div:not(.sd)",
        ".t>li:target",
        ".v li::marker",
        "td:first-child",
        "a[href^=http]::after",
        ".c.k",
        ".a+.a",
        ".thin~div+div",
        "*",
        "h1.sm.lo",
        "#now h1",
    ],
)
def test_what_a_page_has_is_judged_by_classes_and_elements_alone(selector: str) -> None:
    html = '<a class="s t v c k thin h1 sm lo a"><div><li><td><h1>'
    assert sheets.trimmed(f"{selector}{{x:y}}", html) == f"{selector}{{x:y}}"


def test_a_sheet_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no rule of a style sheet: 'p\{'"):
        sheets.trimmed("a{b:c}\np{", "<p>")


def test_our_own_sheet_is_whole_where_everything_is_used() -> None:
    sheet = public.style_text()
    everything = "".join(f'<i class="{name[1:]}">' if name[0] == "." else f"<{name}>" for name in sheets._known(sheet))
    assert sheets.trimmed(sheet, everything) == sheet


def test_a_page_of_words_carries_no_rule_of_forms_and_days() -> None:
    page = rendering.render("public/every_language.html", language="en", path="/", languages_said=[])
    assert "fieldset{" not in page
    assert ".b path{" not in page
    assert "prefers-color-scheme:dark" in page
