"""A page as a browser's parser reads it, and what must hold of every page."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

import html5lib

from ledger_core import EpochId, LedgerReader
from scheduler_worker.reports.epoch_facts import EpochReport
from scheduler_worker.reports.pages import epoch_page, history_page
from scheduler_worker.reports.read_epoch import read_chain, read_epoch_report
from scheduler_worker.reports.read_history import read_history

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
EXTERNAL = re.compile(r"(?:src|srcset|action|formaction|poster|data|xlink:href|background)=", re.IGNORECASE)


def report_of(ledger: LedgerReader, epoch_id: EpochId) -> EpochReport:
    with ledger.read() as view:
        return read_epoch_report(view, epoch_id, node_id=str(ledger.node_id), chain=read_chain(view))


def page_of(ledger: LedgerReader, epoch_id: EpochId) -> bytes:
    return epoch_page(report_of(ledger, epoch_id))


def history_of(ledger: LedgerReader, *, linked: bool = False) -> bytes:
    with ledger.read() as view:
        return history_page(read_history(view, node_id=str(ledger.node_id)), linked=linked)


def local_name(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


class Page:
    """A parsed page."""

    def __init__(self, data: bytes) -> None:
        parser = html5lib.HTMLParser(
            html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False
        )
        self.text = data.decode()
        self.root: ET.Element = parser.parse(self.text)

    def all(self, *names: str) -> list[ET.Element]:
        """The elements of these names, of HTML or of a drawing."""
        return [node for node in self.root.iter() if local_name(node) in names]

    def one(self, node_id: str) -> ET.Element:
        [found] = [node for node in self.root.iter() if node.get("id") == node_id]
        return found

    def words(self, node: ET.Element) -> str:
        return " ".join("".join(node.itertext()).split())

    def rows(self, node_id: str) -> list[list[str]]:
        return [[self.words(cell) for cell in row] for row in self.one(node_id).iter("tr")]


def problems(page: Page) -> Iterator[str]:
    """Yield what is wrong with a page's structure, or reaches outside."""
    ids = [node.get("id") for node in page.root.iter() if node.get("id")]
    yield from (f"id {found} twice" for found in set(ids) if ids.count(found) > 1)
    yield from _links(page, set(ids))
    yield from _names(page, set(ids))
    levels = [int(node.tag[1]) for node in page.all(*HEADINGS)]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "not exactly one h1, first of all headings"
    yield from (
        f"h{one} is followed by h{other}" for one, other in itertools.pairwise(levels) if other > one + 1
    )
    for name in ("main", "nav", "header", "footer"):
        if len(page.all(name)) != 1:
            yield f"not exactly one {name}"
    yield from _policy(page)


def _links(page: Page, ids: set[Any]) -> Iterator[str]:
    for node in page.root.iter():
        for name, value in node.attrib.items():
            if str(name).startswith("on") or name == "style" or EXTERNAL.fullmatch(f"{name}="):
                yield f"<{node.tag} {name}={value!r}>"
    for link in page.all("a"):
        yield from _link(link, ids)
    if page.all("img", "iframe", "object", "embed", "link", "base", "form"):
        yield "an element that loads or sends"


def _link(link: ET.Element, ids: set[Any]) -> Iterator[str]:
    href = link.get("href", "")
    if href.startswith("#"):
        if href[1:] not in ids:
            yield f"{href} leads nowhere"
    elif re.fullmatch(r"https?://[^\s\\]+", href):
        if link.get("rel") != "noopener noreferrer nofollow":
            yield f"{href} tells where it comes from"
    elif not re.fullmatch(r"(?:index|epoch-\d+)\.html", href):
        yield f"{href!r} is no link of a page"


def _names(page: Page, ids: set[Any]) -> Iterator[str]:
    for node in page.root.iter():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            if node.get(name) is not None and node.get(name) not in ids:
                yield f"{name} {node.get(name)} names nothing"
    fields = {label.get("for") for label in page.all("label")}
    yield from (
        f"input {field.get('id')} has no label"
        for field in page.all("input")
        if field.get("id") not in fields
    )
    yield from ("a table has no caption" for table in page.all("table") if table.find("caption") is None)
    yield from ("a th has no scope" for cell in page.all("th") if cell.get("scope") not in {"row", "col"})
    for section in page.all("section"):
        if section.get("aria-labelledby") is None:
            yield "a section has no name"


def _policy(page: Page) -> Iterator[str]:
    [policy] = [
        str(node.get("content"))
        for node in page.all("meta")
        if node.get("http-equiv") == "Content-Security-Policy"
    ]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    if parts.get("default-src") != "'none'" or "unsafe" in policy or "http" in policy or "*" in policy:
        yield f"the policy lets something in: {policy}"
    for name, directive in (("style", "style-src"), ("script", "script-src")):
        written = [b64encode(sha256((node.text or "").encode()).digest()).decode() for node in page.all(name)]
        if [f"'sha256-{found}'" for found in written] != [parts.get(directive)]:
            yield f"the policy does not let the page's own {name} run, or another"
