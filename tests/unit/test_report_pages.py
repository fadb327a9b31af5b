"""Pages of reports: whole, inert, the same each time, and true to the ledger."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger_core import EpochId
from ledger_core.testing import InMemoryLedger
from scheduler_worker.reports import epoch_facts, read_epoch, read_history
from scheduler_worker.reports.pages import content_security_policy, epoch_page
from tests.contract.story import NODE_ID, LedgerStory
from tests.report_pages import Page, history_of, local_name, page_of, problems, report_of
from tests.report_world import EVIL_EVENT, EVIL_LOGIN, EVIL_URLS, EVIL_USER, ReportWorld, live

ROOT = Path(__file__).parents[2]
PRINT_A_PAGE = """
import sys
from ledger_core.testing import InMemoryLedger
from tests.contract.story import NODE_ID
from tests.report_pages import history_of, page_of
from tests.report_world import live
ledger = InMemoryLedger(NODE_ID)
world = live(ledger)
sys.stdout.buffer.write(page_of(ledger, world.closed[-1]) + history_of(ledger))
"""


@pytest.fixture(scope="module")
def ledger() -> InMemoryLedger:
    return InMemoryLedger(NODE_ID)


@pytest.fixture(scope="module")
def world(ledger: InMemoryLedger) -> ReportWorld:
    return live(ledger)


@pytest.fixture(scope="module")
def closed(ledger: InMemoryLedger, world: ReportWorld) -> Page:
    return Page(page_of(ledger, world.closed[-1]))


@pytest.fixture(scope="module")
def history(ledger: InMemoryLedger, world: ReportWorld) -> Page:
    del world
    return Page(history_of(ledger, linked=True))


def test_every_page_is_well_made_and_reaches_nowhere(
    ledger: InMemoryLedger, world: ReportWorld, history: Page
) -> None:
    pages = [Page(page_of(ledger, epoch_id)) for epoch_id in (*world.closed, world.open)]

    for page in (*pages, history, Page(history_of(ledger))):
        assert list(problems(page)) == []


@pytest.mark.parametrize(
    ("written", "planted"),
    [
        ("</main>", '</main><img src="https://example.org/x">'),
        ("</main>", '<a href="javascript:x">y</a></main>'),
        ("</main>", '<a href="#nowhere">y</a></main>'),
        ("</main>", '<p onclick="x">y</p></main>'),
        ("</main>", "<h5>too deep</h5></main>"),
        ("</main>", "<script>x</script></main>"),
        ("</main>", '<p id="main">y</p></main>'),
        ("default-src", "img-src *; default-src"),
        ('<label for="find">', "<label>"),
        (
            'scope="row"',
            "",
        ),
    ],
)
def test_a_planted_flaw_is_found(closed: Page, written: str, planted: str) -> None:
    assert written in closed.text

    assert list(problems(Page(closed.text.replace(written, planted, 1).encode()))) != []


def test_the_table_is_the_statement_to_the_credit(
    ledger: InMemoryLedger, world: ReportWorld, closed: Page
) -> None:
    with ledger.read() as view:
        statement = view.statements.find(world.closed[-1])
    assert statement is not None
    rows = closed.rows("payout-rows")
    shown = {
        row[1].removesuffix("amended").removesuffix("set by an admin"): int(row[5].replace(",", ""))
        for row in rows
    }

    assert shown == {line.user_id: line.amount_credits for line in statement.payouts}
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    assert statement.statement_hash in closed.words(closed.one("verify-command"))
    assert f"{sum(shown.values()):,}" in closed.words(closed.all("tfoot")[0])


def test_each_person_is_explained_down_to_the_events(closed: Page) -> None:
    told = {
        closed.words(node.findall(".//h4")[0]): closed.words(node)
        for node in closed.all("details")
        if node.get("class") == "person"
    }

    assert "24.000 set by admin" in told["grace"]
    assert "agreed in the weekly call" in told["grace"]
    assert "github:pr_merged:acme/widgets:990000" in told["dorothea"]
    assert "late from epoch 3" in told["dorothea"]
    assert "an admin set the units to 0" in told["ole"]
    assert "whole credits, remainder" in told["ada"]
    assert [link.get("href") for link in closed.all("a") if "990000" in closed.words(link)] == [
        "https://github.example/acme/widgets/990000"
    ] * 2


def test_what_is_decided_late_unresolved_and_waived_is_told(closed: Page) -> None:
    decided, waiting = (closed.words(closed.one(part)) for part in ("decisions", "waiting"))
    complete = closed.words(closed.one("completeness"))

    assert "grace1.50024.000admin" in decided
    assert "excluded" in decided
    assert "dorothea" in waiting
    assert "github: 90stranger" in waiting
    assert "41 issues were read, and 42 are counted by search" in complete
    assert "Waived by admin: the search index lags <i>a day</i>" in complete
    assert "3 bot" in complete


def test_an_amendment_is_told_with_what_it_changed_for_whom(
    ledger: InMemoryLedger, world: ReportWorld, closed: Page
) -> None:
    with ledger.read() as view:
        first, second, third = view.statements.versions(world.closed[-1])
    told = closed.words(closed.one("amendments"))
    tables = closed.one("amendments").findall(".//tbody")
    changes = [[[closed.words(cell) for cell in row] for row in table.iter("tr")] for table in tables]
    credits_ = [
        sum(int(row[5].replace("\N{MINUS SIGN}", "-").replace(",", "")) for row in rows) for rows in changes
    ]

    assert "Amended 2 times" in closed.words(closed.all("header")[0])
    assert "correction 1 <b>of the split</b>" in told
    for statement in (first, second, third):
        assert statement.statement_hash in told
    assert [next(row[0] for row in rows if row[5].startswith("+")) for rows in changes] == ["ada", "quine"]
    assert credits_ == [0, 0]
    assert "by an amendment: admin: correction 2" in closed.words(closed.one("people"))


def test_who_signed_is_told_with_how_to_check_it(
    closed: Page, ledger: InMemoryLedger, world: ReportWorld
) -> None:
    with ledger.read() as view:
        newest = view.statements.versions(world.closed[-1])[-1]
        [signed] = view.statements.signatures(newest.statement_hash)
    proof = closed.words(closed.one("proof"))

    assert f"Signer {signed.signer}{signed.signature}" in proof
    assert f"--expect {newest.statement_hash}" in closed.words(closed.one("signatures-verify"))
    assert "Nobody signed this statement" in Page(page_of(ledger, world.closed[0])).text


def test_no_text_of_others_is_markup(ledger: InMemoryLedger, world: ReportWorld) -> None:
    for text in (page_of(ledger, world.closed[-1]).decode(), history_of(ledger).decode()):
        assert EVIL_USER not in text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_hostile_text_stays_text(closed: Page, history: Page) -> None:
    for page in (closed, history):
        words = page.words(page.root)
        assert EVIL_USER in words
        assert [node.tag for node in page.all("script", "title")].count("script") == 1
    assert EVIL_EVENT in closed.words(closed.root)
    inert = EVIL_LOGIN.replace("\u202e", "\ufffd").replace("\u2066", "\ufffd")
    assert inert in closed.words(closed.root)
    assert "\u202e" not in closed.text
    hrefs = {link.get("href") for link in closed.all("a")}
    assert hrefs.isdisjoint(EVIL_URLS)
    assert EVIL_URLS[0] in closed.words(closed.one("pool"))  # the evidence, as text


def test_an_open_epoch_is_a_preview_and_says_so(ledger: InMemoryLedger, world: ReportWorld) -> None:
    page = Page(page_of(ledger, world.open))

    assert "Open: not final" in page.words(page.all("header")[0])
    assert "not final" in page.words(page.all("title")[0])
    assert "ledger epoch finalize 5 --reviewed" in page.words(page.one("verify-command"))
    assert "would be split" in page.words(page.one("payouts"))
    assert sum(int(row[5].replace(",", "")) for row in page.rows("payout-rows")) == 9_000


def test_the_history_sums_what_the_statements_paid(ledger: InMemoryLedger, history: Page) -> None:
    totals: dict[str, int] = {}
    with ledger.read() as view:
        newest = {statement.epoch_id: statement for statement in view.statements.chain()}
        for statement in newest.values():
            for line in statement.payouts:
                totals[line.user_id] = totals.get(line.user_id, 0) + line.amount_credits
    rows = history.rows("people-rows")

    assert {row[1]: int(row[5].replace(",", "")) for row in rows} == totals
    assert [link.get("href") for link in history.all("a") if "epoch-" in link.get("href", "")] == [
        "epoch-5.html", *(f"epoch-{number}.html" for number in range(1, 5)),
    ]  # fmt: skip


def test_the_same_ledger_gives_the_same_bytes_in_any_process(
    ledger: InMemoryLedger, world: ReportWorld
) -> None:
    expected = page_of(ledger, world.closed[-1]) + history_of(ledger)
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        done = subprocess.run(
            [sys.executable, "-c", PRINT_A_PAGE],
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        assert done.stdout == expected


def test_what_is_left_out_is_told(
    ledger: InMemoryLedger, world: ReportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_PEOPLE", "MAX_EXPLAINED", "MAX_LISTED", "MAX_EVENTS", "MAX_CHAIN"):
        monkeypatch.setattr(read_epoch, name, {"MAX_PEOPLE": 5, "MAX_EXPLAINED": 2}.get(name, 1))
    page = Page(page_of(ledger, world.closed[-1]))
    left_out = [page.words(node) for node in page.all("p") if node.get("class") == "left-out"]

    assert list(problems(page)) == []
    assert len(page.rows("payout-rows")) == 5
    assert left_out == [
        "Left out: 13 more people, who got the least. ledger statement payouts writes them all.",
        "Left out: 7 more. ledger explain lists them; the sums above hold all.",
        "Left out: 1 more. ledger explain lists them; the sums above hold all.",
        "Left out: 16 more people. ledger explain 4 USER tells of each.",
        "Left out: 1 more person.",
        "Left out: more judged events than these first 1.",
        "Left out: more accounts than these first 1.",
        "Left out: 15 more people.",
        "Left out: 16 more people.",
        "Left out: 1 more stream.",
        "Left out: 1 more stream.",
        "Left out: 5 earlier statements. ledger statement list has them.",
    ]


def test_what_the_history_leaves_out_is_told(
    ledger: InMemoryLedger, world: ReportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(world.closed) == 4
    for name, limit in (("MAX_EPOCHS", 2), ("MAX_PEOPLE", 3), ("MAX_HISTORIES", 2)):
        monkeypatch.setattr(read_history, name, limit)
    page = Page(history_of(ledger))
    left_out = [page.words(node) for node in page.all("p") if node.get("class") == "left-out"]

    assert list(problems(page)) == []
    assert left_out == [
        "Left out: 2 earlier epochs; the sums of people hold them.",
        "Left out: 15 more people, who got the least.",
        "Left out: 16 more histories, of who got the least.",
    ]


@pytest.mark.parametrize("credits_", [0, 1, 2**63 - 1])
def test_pages_of_nothing_and_of_the_most_there_can_be(credits_: int) -> None:
    ledger = InMemoryLedger(NODE_ID)
    story = LedgerStory(ledger)
    epoch_id = story.open(0)
    before = [Page(page_of(ledger, epoch_id)), Page(history_of(ledger))]
    story.bind("ann", "1001")
    story.close(epoch_id, credits_)
    if credits_ > 1:
        second = story.open(1)
        story.adjust(second, "ann", 2**63 - 1)
        story.close(second, credits_)
        assert f"{credits_:,}" in Page(page_of(ledger, second)).text

    for page in (*before, Page(page_of(ledger, epoch_id)), Page(history_of(ledger))):
        assert list(problems(page)) == []


def test_a_page_stays_small_however_many_people_and_events() -> None:
    ledger = InMemoryLedger(NODE_ID)
    world = live(ledger, weeks=1, people=1_500, busy=3)
    report = report_of(ledger, world.closed[0])
    page = epoch_page(report)

    assert len(report.people.items) == epoch_facts.MAX_PEOPLE
    assert report.people.left_out > 0
    assert len(report.explained.items) == epoch_facts.MAX_EXPLAINED
    assert len(page) < 2_500_000


def test_charts_have_no_date_script_style_or_name_of_their_maker(closed: Page, history: Page) -> None:
    for page in (closed, history):
        assert page.all("svg")
        for drawing in page.all("svg"):
            assert {local_name(node) for node in drawing.iter()} <= {
                "svg",
                "g",
                "rect",
                "path",
                "text",
                "circle",
                "title",
            }
        assert "pygal" not in page.text.lower()
        assert re.search("<!--", page.text) is None


def test_the_chart_library_leaves_no_import_hook_behind(closed: Page) -> None:
    assert closed.all("svg")
    assert [finder for finder in sys.meta_path if type(finder).__module__.startswith("pygal")] == []


def test_the_policy_names_the_parts_by_their_hashes() -> None:
    found = content_security_policy("p{}", "x()")

    assert found.startswith("default-src 'none'; style-src 'sha256-")
    assert content_security_policy("p {}", "x()") != found


def test_an_epoch_that_is_not_there_is_refused(ledger: InMemoryLedger) -> None:
    with pytest.raises(Exception, match="no epoch 99"):
        report_of(ledger, EpochId(99))
