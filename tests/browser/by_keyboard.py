"""What a page does for somebody who has a keyboard and no pointer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

MOST_TABS: Final = 100
FOCUSED: Final = "document.activeElement"


def keyboard_problems(browser: Browser, path: Path) -> Iterator[str]:
    """Yield what can't be done by keyboard on a page."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(path.as_uri())
    yield from _skip(page)
    yield from _search(page)
    yield from _sort(page)
    yield from _unfold(page)
    yield from _copy(page)
    context.close()


def _tab_to(page: Page, selector: str) -> bool:
    """Press Tab until the element has the focus, and its outline is seen."""
    for _ in range(MOST_TABS):
        if page.evaluate(f"{FOCUSED}.matches({selector!r})"):
            return bool(page.evaluate(f"parseFloat(getComputedStyle({FOCUSED}).outlineWidth) >= 2"))
        page.keyboard.press("Tab")
    return False


def _skip(page: Page) -> Iterator[str]:
    page.keyboard.press("Tab")
    if not page.evaluate(f"{FOCUSED}.matches('.skip') && {FOCUSED}.getBoundingClientRect().left >= 0"):
        yield "the first Tab shows no way to skip to the content"
    page.keyboard.press("Enter")
    if page.evaluate(f"{FOCUSED}.id") != "main":
        yield "skipping does not lead to the content"


def _search(page: Page) -> Iterator[str]:
    if not _tab_to(page, "#find"):
        yield "the search can't be reached"
        return
    rows = page.locator("tbody tr[data-name]")
    shown = "[...document.querySelectorAll('tbody tr[data-name]')].filter((row) => !row.hidden).length"
    name = str(rows.nth(2).get_attribute("data-name"))
    page.keyboard.type(name.upper())
    found = page.evaluate(shown)
    if not 1 <= found < rows.count() or f"{found} of {rows.count()} shown" not in page.inner_text("#found"):
        yield f"searching {name} shows {found} rows, and says {page.inner_text('#found')!r}"
    page.keyboard.press("Escape")
    if page.evaluate(shown) != rows.count() or page.input_value("#find") != "":
        yield "Escape does not end a search"


def _sort(page: Page) -> Iterator[str]:
    """Sort by name, then by credits both ways."""
    rows = "[...document.querySelectorAll('tbody tr[data-name]')]"
    if not _tab_to(page, "th[data-sort=text] button"):
        yield "names can't be sorted by"
        return
    page.keyboard.press("Enter")
    names = page.evaluate(f"{rows}.map((row) => row.dataset.name)")
    same = page.evaluate(
        "(names) => [...names].sort((a, b) => a.localeCompare(b, undefined, { sensitivity: 'base', numeric: true }))",
        names,
    )
    if names != same or page.locator("th[aria-sort=ascending]").count() < 1:
        yield "names are not in order, or it is not told"
    if not _tab_to(page, "th:last-child[data-sort=number] button"):
        yield "credits can't be sorted by"
        return
    for key, order in (("Enter", "descending"), ("Space", "ascending")):
        page.keyboard.press(key)
        amounts = [
            int(found) for found in page.evaluate(f"{rows}.map((row) => row.lastElementChild.dataset.value)")
        ]
        if amounts != sorted(amounts, reverse=order == "descending"):
            yield f"credits are not {order}"
        if page.evaluate(f"{FOCUSED}.closest('th').getAttribute('aria-sort')") != order:
            yield f"that credits are {order} is not told"
    if "Sorted by Credits, smallest first" not in page.inner_text("#live"):
        yield "sorting is not announced"


def _unfold(page: Page) -> Iterator[str]:
    people = page.locator("details.person")
    if not _tab_to(page, "button[data-expands]"):
        yield "there is no way to unfold everybody"
        return
    for pressed, expected in (("Space", people.count()), ("Enter", 0)):
        page.keyboard.press(pressed)
        if page.locator("details.person[open]").count() != expected:
            yield f"{pressed} on everybody leaves {page.locator('details.person[open]').count()} unfolded"
    if not _tab_to(page, "details.person > summary"):
        yield "a person can't be reached"
        return
    page.keyboard.press("Enter")
    if page.locator("details.person[open]").count() != 1:
        yield "Enter does not unfold a person"


def _copy(page: Page) -> Iterator[str]:
    button = page.locator("button[data-copies=verify-command]")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('live').textContent === 'Copied'", timeout=5_000)
    copied = page.evaluate("navigator.clipboard.readText()")
    if copied != page.inner_text("#verify-command") or not copied.startswith(("ledger ", "python ")):
        yield f"copied was {copied!r}"
