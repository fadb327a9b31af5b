"""What stands on a page: numbers to the last digit, days of no locale, and links that can only open the web."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_worker.reports import texts
from tests.report_world import EVIL_URLS

STYLE = files("scheduler_worker.reports").joinpath("templates", "report.css").read_text(encoding="utf-8")
ROOT_RULE = re.compile(r":root \{(.*?)\}", re.DOTALL)
VARIABLE = re.compile(r"--([a-z0-9-]+):\s*(#[0-9a-f]{3,6});")


@pytest.mark.parametrize(
    "url",
    [
        *EVIL_URLS,
        "",
        "minutes#4",
        "http://",
        "https:///x",
        "https://[::1",
        "ftp://example.org/",
        "file:///etc/passwd",
        " https://example.org",
        "java\nscript:alert(1)",
        "https://example.org/\u202egpj.exe",
        None,
    ],
)
def test_what_is_no_address_of_the_web_is_no_link(url: str | None) -> None:
    assert texts.safe_link(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://127.0.0.1:8080/a?b=c&d=<e>#f",
        "HTTPS://EXAMPLE.ORG/'\"",
        "https://[::1]/",
    ],
)
def test_an_address_of_the_web_is_a_link_as_it_stands(url: str) -> None:
    assert texts.safe_link(url) == url


@given(scheme=st.text(max_size=12), rest=st.text(max_size=20))
def test_no_other_scheme_is_ever_let_through(scheme: str, rest: str) -> None:
    found = texts.safe_link(f"{scheme}:{rest}")

    assert found is None or found.lower().startswith(("http://", "https://"))


@given(share=st.integers(0, 10**6))
def test_a_percentage_is_cut_and_never_more_than_the_share(share: int) -> None:
    shown = texts.percent(f"{share // 10**6}.{share % 10**6:06d}")
    hundredths = int(shown.removesuffix(" %").replace(".", ""))

    assert hundredths == share // 100
    assert re.fullmatch(r"\d+\.\d\d %", shown)


@given(number=st.integers(0, 2**63 - 1))
def test_numbers_keep_every_digit(number: int) -> None:
    assert int(texts.grouped(number).replace(",", "")) == number
    assert int(texts.units_text(number).replace(",", "").replace(".", "")) == number


def test_days_and_times_are_the_same_everywhere() -> None:
    at = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)

    assert texts.day_text("2026-11-16") == "16 November 2026"
    assert texts.day_text(date(2026, 3, 1)) == "1 March 2026"
    assert texts.short_day(at.date()) == "1 Mar"
    assert texts.time_text(at) == "2026-03-01 09:05 UTC"
    assert texts.time_text(None) == "\u2013"
    assert texts.machine_time(at) == "2026-03-01T09:05:00Z"


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def themes() -> list[dict[str, str]]:
    light, dark, paper = (dict(VARIABLE.findall(found)) for found in ROOT_RULE.findall(STYLE))
    return [light, dark, paper]


@pytest.mark.parametrize("theme", range(3), ids=["light", "dark", "print"])
def test_texts_and_bars_can_be_told_from_what_they_stand_on(theme: int) -> None:
    colours = themes()[theme]
    text_on = [*product(("ink", "soft", "accent"), ("paper", "card", "tint")), ("warn", "warn-tint")]
    shapes = [f"c{number}" for number in range(8)]

    assert {
        f"{one} on {other}" for one, other in text_on if contrast(colours[one], colours[other]) < 4.5
    } == set()
    assert {name for name in (*shapes, "firm") if contrast(colours[name], colours["paper"]) < 3} == set()


def test_contrast_is_told_as_it_is_defined() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
