"""Open the reports' pages in Chromium, as people do, and tell whatever is wrong.

    uv run --group browser python -m tests.browser.check_report                 fetches the npm packages it needs
    uv run --group browser python -m tests.browser.check_report --keep FOLDER   leaves pages and screenshots there

Each page is opened from a file, light and dark, wide and on a phone: no word in the console, no request, nothing that
scrolls sideways, no finding of axe-core, folded and unfolded. Then by keyboard alone: search, sort, unfold, copy,
skip. Then without scripts, and for print. Pages with planted flaws must be found out first.
Exit status: 0 all holds, or the registry was not reached (which is said, and checked nothing); 1 something is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, TimeoutError, sync_playwright  # noqa: A004 - its own class, of that name

from ledger_core.testing import InMemoryLedger
from scheduler_worker.reports.pages import epoch_page
from tests.browser.browser_parts import CHROMIUM, BrowserParts, browser_parts
from tests.browser.by_keyboard import keyboard_problems
from tests.contract.story import NODE_ID
from tests.report_pages import history_of, page_of, report_of
from tests.report_world import live

ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOOKS: Final = tuple(product((1200, 360), ("light", "dark")))
UNFOLD: Final = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
FOLDED: Final = "[...document.querySelectorAll('details')].filter((part) => !part.open).length"
AXE_RUN: Final = """
async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.map(
    (found) => `${found.id}: ${found.help}: ${found.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`)
"""
FLAWS: Final = {
    "an image from elsewhere": ("</main>", '<img src="https://example.org/x.png" alt="x"></main>'),
    "a script of its own": ("</main>", "<script>document.title = 'owned'</script></main>"),
    "text that can't be read": ("</style>", "p { color: #bbb !important; }</style>"),
    "a field without a name": ("</main>", "<input></main>"),
    "a page that scrolls sideways": ("</main>", "<pre>" + "x" * 500 + "</pre></main>"),
}


def write_pages(folder: Path) -> list[Path]:
    """Write a history with an open epoch, and an epoch of more people than a page shows."""
    ledger = InMemoryLedger(NODE_ID)
    world = live(ledger, weeks=4)
    made = {"index.html": history_of(ledger, linked=True)}
    for epoch_id in (*world.closed, world.open):
        made[f"epoch-{epoch_id}.html"] = epoch_page(report_of(ledger, epoch_id), has_history=True)
    crowd = InMemoryLedger(NODE_ID)
    made["crowd.html"] = page_of(crowd, live(crowd, weeks=1, people=1_500, busy=2).closed[0])
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in ("index.html", "epoch-4.html", "epoch-5.html", "crowd.html")]


def look_problems(
    browser: Browser,
    parts: BrowserParts,
    path: Path,
    *,
    width: int,
    scheme: str,
    picture: Path | None = None,
    unfolds: bool = True,
) -> Iterator[str]:
    """Yield what is wrong with a page as it is looked at."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(f"the console says {message.text}"))
    page.on("pageerror", lambda error: told.append(f"a script fails: {error}"))
    page.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    if picture is not None:
        page.screenshot(path=picture)
    title = page.title()
    for unfolded in (False, True) if unfolds else (False,):
        if unfolded:
            page.evaluate(UNFOLD)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            yield f"it scrolls sideways at {width} pixels"
        if unfolded or not unfolds or width == LOOKS[0][0]:
            page.evaluate(parts.axe)
            yield from page.evaluate(AXE_RUN)
    if page.title() != title or "owned" in title:
        yield "a script of other people's ran"
    yield from told
    context.close()


def print_problems(browser: Browser, path: Path, *, picture: Path | None = None) -> Iterator[str]:
    """Yield what is wrong on paper, and where no script runs."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    yield from (
        f"a tool that needs a script: {tool}" for tool in page.locator("[data-needs-script]:visible").all()
    )
    context.close()
    context = browser.new_context(viewport={"width": 794, "height": 1123})
    page = context.new_page()
    page.goto(path.as_uri())
    folded = page.evaluate(FOLDED)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    if page.evaluate(FOLDED) != 0:
        yield "something is folded on paper"
    page.emulate_media(media="print", color_scheme="dark")
    if page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)":
        yield "paper is not white"
    yield from (
        f"on paper: {tool}"
        for tool in page.locator("nav:visible, .tools:visible, button.plain:visible").all()
    )
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "it is wider than paper"
    if picture is not None:
        page.pdf(path=picture, format="A4")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    if page.evaluate(FOLDED) != folded:
        yield "what was folded is not, after printing"
    context.close()


def link_problems(browser: Browser, path: Path) -> Iterator[str]:
    """Yield links that lead nowhere; one to a person unfolds that person."""
    page = browser.new_page()
    page.goto(path.as_uri())
    for address in page.evaluate("[...document.links].map((found) => found.href)"):
        if not address.startswith(("file:", "http://", "https://")):
            yield f"a link to {address[:80]}"
        elif (
            address.startswith("file:")
            and not Path(address.removeprefix("file://").partition("#")[0]).exists()
        ):
            yield f"{address} leads nowhere"
    for link in page.locator("tbody th a[href^='#person-']").all()[:3]:
        link.click()
        told = page.locator(f"{link.get_attribute('href')} .told")
        try:
            told.wait_for(state="visible", timeout=5_000)
        except TimeoutError:
            yield f"{link.get_attribute('href')} does not unfold"
    page.close()


def flaws_that_pass(browser: Browser, parts: BrowserParts, page: Path) -> Iterator[str]:
    """Yield planted flaws that are not found: then this check proves nothing."""
    good = page.read_text(encoding="utf-8")
    for name, (written, planted) in FLAWS.items():
        flawed = page.with_name("flawed.html")
        flawed.write_text(good.replace(written, planted, 1), encoding="utf-8")
        if name == "text that can't be read":  # the policy would not let another style sheet in
            flawed.write_text(
                flawed.read_text(encoding="utf-8").replace("style-src ", "style-src 'unsafe-inline'; x-")
            )
        if not list(look_problems(browser, parts, flawed, width=360, scheme="light", unfolds=False)):
            yield f"{name} is not found"
        flawed.unlink()


def all_problems(
    launch: Callable[[], Browser], parts: BrowserParts, folder: Path, keep: Path | None
) -> Iterator[str]:
    """Yield everything that is wrong, page by page; each look has a browser of its own, which takes half a second."""
    pages = write_pages(folder)
    with closing(launch()) as browser:
        yield from flaws_that_pass(browser, parts, folder / "epoch-4.html")
    for path in pages:
        found: list[str] = []
        is_crowd = path.stem == "crowd"  # of which there is more, and nothing else
        for width, scheme in LOOKS[-1:] if is_crowd else LOOKS:
            picture = None if keep is None else keep / f"{path.stem}-{scheme}-{width}.png"
            with closing(launch()) as browser:
                found += look_problems(
                    browser, parts, path, width=width, scheme=scheme, picture=picture, unfolds=not is_crowd
                )
        with closing(launch()) as browser:
            found += print_problems(
                browser, path, picture=None if keep is None else keep / f"{path.stem}.pdf"
            )
            found += link_problems(browser, path)
            found += [] if is_crowd else keyboard_problems(browser, path)
        yield from (f"{path.name}: {problem}" for problem in dict.fromkeys(found))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.check_report")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave pages and screenshots there")
    keep: Path | None = parser.parse_args(arguments).keep
    parts = browser_parts()
    if parts is None:
        print("reports in a browser: NOT CHECKED, as the npm registry was not reached", file=sys.stderr)
        return 0
    options: dict[str, Any] = {
        "executable_path": parts.chromium,
        "env": parts.environment,
        "args": [*ARGUMENTS],
    }
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        found = list(
            all_problems(lambda: playwright.chromium.launch(**options), parts, keep or Path(made), keep)
        )
    for problem in found:
        print(f"reports in a browser: {problem}", file=sys.stderr)
    if not found:
        print(f"reports in a browser: 4 pages, light and dark, wide and narrow, hold in {CHROMIUM}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
