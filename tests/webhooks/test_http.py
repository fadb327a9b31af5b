"""What comes over HTTP: whole, forged, too large, too slow, too many; only what is signed reaches what is behind."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from scheduler_worker.webhooks import serving
from scheduler_worker.webhooks.app import MOST_AT_ONCE, MOST_BODY_BYTES, MOST_HELD_BYTES
from scheduler_worker.webhooks.http_messages import SMALL_BODY_BYTES, Answer, HeldBytes
from scheduler_worker.webhooks.webhook_secrets import WebhookSecrets
from tests.github_world.deliveries import SECRET, Delivery, signature
from tests.webhooks.receiving import Sender, Taker, app_of, headers_of, request, served

PUSH = Delivery("push", b'{"ref": "refs/heads/main", "text": "caf\xc3\xa9"}')
OLD_SECRET = "the secret before, which still counts"
MOST = 2_000


def play(
    story: Callable[[Sender, Taker], Awaitable[None]], *, taker: Taker | None = None, **limits: Any
) -> None:
    async def run() -> None:
        found = taker or Taker()
        async with served(app_of(found.take, **limits)) as sender:
            await story(sender, found)

    asyncio.run(run())


async def is_let_go(sender: Sender) -> bool:
    """Say whether a delivery gets no answer: refused, reset or closed."""
    try:
        return (await sender.send(PUSH)).status == 0
    except ConnectionError:
        return True


def refused(told: tuple[int, str], sent: Callable[[Sender], Awaitable[Any]], **limits: Any) -> None:
    """Send something, and see it refused so; nothing of it reaches what is behind."""

    async def story(sender: Sender, taker: Taker) -> None:
        answer = await sent(sender)
        assert (answer.status, answer.facts.get("reason")) == told
        assert taker.taken == []
        assert (await sender.send(PUSH)).status == 202  # and the server goes on

    play(story, **limits)


def test_a_signed_delivery_is_taken_byte_for_byte_and_answered() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.send(PUSH)

        assert told.outcome == (202, "accepted", None)
        assert told.headers["connection"] == "close"
        assert told.headers["cache-control"] == "no-store"
        assert "server" not in told.headers
        assert taker.taken == [("push", PUSH.body)]

    play(story)


def test_a_body_in_chunks_is_put_together_before_its_signature_is_checked() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        head = request(headers_of(PUSH) | {"Transfer-Encoding": "chunked"})
        chunks = [b"%x\r\n%b\r\n" % (1, PUSH.body[at : at + 1]) for at in range(len(PUSH.body))]
        told = await sender.raw(head, *chunks, b"0\r\n\r\n")

        assert told.status == 202
        assert taker.taken == [("push", PUSH.body)]

    play(story)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (None, "signature-missing"),
        ("", "signature-malformed"),
        ("sha256=", "signature-malformed"),
        (signature(PUSH.body)[:-1], "signature-malformed"),
        (signature(PUSH.body) + "0", "signature-malformed"),
        (signature(PUSH.body).upper(), "signature-malformed"),
        (signature(PUSH.body).replace("sha256", "sha1"), "signature-malformed"),
        (signature(PUSH.body)[7:], "signature-malformed"),
        ("sha256=" + "0" * 64, "signature-wrong"),
        (signature(PUSH.body + b" "), "signature-wrong"),
        (signature(PUSH.body, secret=SECRET + "x"), "signature-wrong"),
    ],
)
def test_a_forged_missing_or_short_signature_is_refused(changed: str | None, reason: str) -> None:
    """DELIVERY_SIGNED: nothing of it reaches what is behind."""
    refused((403, reason), lambda sender: sender.send(PUSH, x_hub_signature_256=changed))


def test_every_bit_of_body_and_signature_counts() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        for at in range(0, len(PUSH.body), 7):
            changed = PUSH.body[:at] + bytes([PUSH.body[at] ^ 1]) + PUSH.body[at + 1 :]
            assert (await sender.post(changed, headers_of(PUSH))).status == 403
        good = signature(PUSH.body)
        for at in range(7, len(good), 9):
            other = "0" if good[at] != "0" else "1"
            told = await sender.send(PUSH, x_hub_signature_256=good[:at] + other + good[at + 1 :])
            assert told.status == 403
        assert taker.taken == []

    play(story)


def test_a_signature_s_header_twice_is_refused_whichever_is_right() -> None:
    async def twice(sender: Sender) -> object:
        good = request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body))})
        head = good[:-2] + b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n\r\n"
        return await sender.raw(head + PUSH.body)

    refused((400, "header-doubled"), twice)


def test_while_a_secret_is_rotated_both_count_and_none_afterwards() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        for secret in (SECRET, OLD_SECRET):
            told = await sender.post(PUSH.body, PUSH.headers(secret=secret))
            assert told.status == 202
        assert len(taker.taken) == 2

    play(story, secrets=WebhookSecrets(secrets=(SECRET.encode(), OLD_SECRET.encode())))
    refused((403, "signature-wrong"), lambda sender: sender.post(PUSH.body, PUSH.headers(secret=OLD_SECRET)))


def test_a_body_up_to_the_limit_is_taken_and_a_byte_more_is_not() -> None:
    fits, exceeds = Delivery("push", b" " * MOST), Delivery("push", b" " * (MOST + 1))

    async def story(sender: Sender, taker: Taker) -> None:
        assert (await sender.send(fits)).status == 202
        assert (await sender.send(exceeds)).outcome == (413, None, "body-too-large")
        assert len(taker.taken) == 1

    play(story, most_body_bytes=MOST)


def test_a_body_in_chunks_is_cut_off_at_the_limit() -> None:
    exceeds = Delivery("push", b" " * (MOST + 1))

    async def chunked(sender: Sender) -> object:
        head = request(headers_of(exceeds) | {"Transfer-Encoding": "chunked"})
        return await sender.raw(head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(exceeds.body), exceeds.body))

    refused((413, "body-too-large"), chunked, most_body_bytes=MOST)


def test_a_length_that_promises_too_much_is_refused_before_the_body() -> None:
    async def promised(sender: Sender) -> object:
        return await sender.raw(request(headers_of(PUSH) | {"Content-Length": "99999999999"}) + PUSH.body)

    refused((413, "body-too-large"), promised)


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 30, "", "12, 13"])
def test_a_length_that_is_none_reaches_nothing(length: str) -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.raw(request(headers_of(PUSH) | {"Content-Length": length}) + PUSH.body)

        assert told.status in {400, 413}
        assert taker.taken == []

    play(story)


def test_a_length_that_is_too_short_or_too_long_is_no_signed_body() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        short = request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body) - 1)})
        told = await sender.raw(short + PUSH.body)
        assert told.status == 403

        long = request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body) + 1)})
        told = await sender.raw(long + PUSH.body)
        assert told.outcome == (408, None, "body-too-slow")
        assert taker.taken == []

    play(story, body_seconds=0.2)


def test_a_sender_that_goes_away_in_mid_body_leaves_nothing_behind() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", sender.port)
        writer.write(request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body))}) + PUSH.body[:9])
        await writer.drain()
        writer.transport.abort()

        assert (await sender.send(PUSH)).status == 202
        assert len(taker.taken) == 1

    play(story)


def test_a_slow_body_is_given_up() -> None:
    async def dripping(sender: Sender) -> object:
        head = request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body))})
        drops = [PUSH.body[at : at + 1] for at in range(8)]
        return await sender.raw(head, *drops, pause_seconds=0.1)

    refused((408, "body-too-slow"), dripping, body_seconds=0.3)


def test_a_slow_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)

    async def story(sender: Sender, taker: Taker) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", sender.port)
        writer.write(b"POST /webhooks/github HTTP/1.1\r\n")
        dripped = 0
        with suppress(ConnectionError):
            while not reader.at_eof() and dripped < 100:
                writer.write(b"X-Drip: 1\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
                dripped += 1
        writer.close()

        assert 0 < dripped < 50
        assert taker.taken == []

    play(story)


def test_a_head_without_end_is_refused() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.raw(request(headers_of(PUSH))[:-2] + b"X-Long: ", *[b"x" * 10_000] * 20)

        assert told.status in {0, 400}  # a reset may overtake the answer
        assert taker.taken == []

    play(story)


def test_connections_beyond_the_limit_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 3)

    async def story(sender: Sender, taker: Taker) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", sender.port) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert await is_let_go(sender)
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.1)

        assert (await sender.send(PUSH)).status == 202
        assert len(taker.taken) == 1

    play(story)


def test_one_request_too_many_is_told_to_come_back_and_the_others_are_not_disturbed() -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        taker.gate = asyncio.Event()
        under_way = [asyncio.create_task(sender.send(PUSH)) for _ in range(MOST_AT_ONCE)]
        await taker.has(MOST_AT_ONCE)
        told = await sender.send(PUSH)
        assert told.outcome == (503, None, "busy")
        assert told.headers["retry-after"] == "5"
        assert (await sender.get("/healthz")).status == 200
        taker.gate.set()

        assert {answer.status for answer in await asyncio.gather(*under_way)} == {202}
        assert (await sender.send(PUSH)).status == 202

    play(story)


def test_all_bodies_together_are_limited() -> None:
    held = HeldBytes(10)

    assert [held.take(6), held.take(5), held.take(4), held.take(1)] == [True, False, True, False]
    held.give_back(6)
    assert held.take(6)
    assert MOST_HELD_BYTES < 10 * 25 * 2**20


def test_large_bodies_that_come_slowly_keep_no_small_one_out() -> None:
    """Whoever they are from: those that would be too many are told so, and ordinary deliveries pass."""
    large = request(headers_of(PUSH) | {"Content-Length": str(MOST_BODY_BYTES)}) + b" " * (
        MOST_BODY_BYTES - 1
    )

    async def story(sender: Sender, taker: Taker) -> None:
        held = [asyncio.create_task(sender.raw(large)) for _ in range(5)]
        done, _ = await asyncio.wait(held, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status for task in done} <= {0, 503}
        for _try in range(20):
            assert (await sender.send(PUSH)).status == 202
        answers = await asyncio.gather(*held)

        assert {answer.status for answer in answers} <= {0, 408, 503}
        assert [answer.status for answer in answers].count(408) >= 2
        assert len(taker.taken) == 20

    play(story, body_seconds=5.0)


def test_what_is_held_is_let_go_whatever_becomes_of_it() -> None:
    """The limit of all bodies together is that of one here, so that one forgotten byte would show."""
    fits = Delivery("push", b" " * (MOST_HELD_BYTES + SMALL_BODY_BYTES))

    async def story(sender: Sender, taker: Taker) -> None:
        for _ in range(2):
            assert (await sender.send(fits, x_hub_signature_256="sha256=" + "0" * 64)).status == 403
        assert (await sender.send(fits)).status == 202
        assert len(taker.taken) == 1

    play(story, most_body_bytes=MOST_HELD_BYTES + SMALL_BODY_BYTES)


@pytest.mark.parametrize("path", ["/", "/webhooks/github/", "/webhooks", "/webhooks/gitlab", "/%00", "/../x"])
def test_another_path_is_not_there(path: str) -> None:
    refused((404, "path"), lambda sender: sender.post(PUSH.body, headers_of(PUSH), path=path))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_not_allowed(method: str) -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.raw(
            request(headers_of(PUSH) | {"Content-Length": str(len(PUSH.body))}, method=method) + PUSH.body
        )

        assert (told.status, told.headers["allow"]) == (405, "POST")
        assert taker.taken == []

    play(story)


@pytest.mark.parametrize("event", [None, "", "PUSH", "push\x00", "a b", "x" * 61, "../etc"])
def test_an_event_s_name_is_a_word(event: str | None) -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.send(PUSH, x_github_event=event)

        assert told.status == 400
        assert taker.taken == []

    play(story)


@pytest.mark.parametrize(
    "changed",
    [
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": None},
        {"content_type": "text/json"},
        {"content_encoding": "gzip"},
    ],
)
def test_only_plain_json_is_taken(changed: dict[str, str | None]) -> None:
    refused((415, "content-type-not-json"), lambda sender: sender.send(PUSH, **changed))


def test_json_with_a_character_set_is_json() -> None:
    async def story(sender: Sender, _: Taker) -> None:
        assert (await sender.send(PUSH, content_type="Application/JSON; charset=utf-8")).status == 202

    play(story)


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 50, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"POST / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_is_refused_and_the_server_goes_on(garbage: bytes) -> None:
    async def story(sender: Sender, taker: Taker) -> None:
        told = await sender.raw(garbage, b"\r\n\r\n")

        assert told.status in {0, 400, 404}
        assert taker.taken == []
        assert (await sender.send(PUSH)).status == 202

    play(story)


def test_health_is_answered_without_a_signature_and_readiness_tells_of_what_is_behind() -> None:
    answers = [True, False]

    async def is_ready() -> bool:
        return answers.pop(0)

    async def story(sender: Sender, _: Taker) -> None:
        assert (await sender.get("/healthz")).status == 200
        assert [(await sender.get("/readyz")).status for _ in range(2)] == [200, 503]
        head = await sender.get("/healthz", method="HEAD")
        assert (head.status, head.facts) == (200, {})
        assert (await sender.get("/healthz", method="POST")).status == 405

    play(story, is_ready=is_ready)


def test_a_fault_of_ours_is_answered_logged_without_the_body_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(event: str, body: bytes) -> Answer:
        raise ZeroDivisionError(f"{event} {body!r}")

    async def run() -> None:
        async with served(app_of(broken)) as sender:
            assert [(await sender.send(PUSH)).status for _ in range(2)] == [500, 500]

    asyncio.run(run())

    assert [record.getMessage() for record in caplog.records].count("delivery_fault") == 2


def test_no_log_line_has_a_body_a_secret_or_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    marked = Delivery("push", json.dumps({"text": "a text of a body"}).encode())

    async def story(sender: Sender, _: Taker) -> None:
        await sender.send(marked)
        await sender.send(marked, x_hub_signature_256="sha256=" + "ab" * 32)
        await sender.send(marked, x_github_event="an event of a stranger")

    play(story)

    told = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "delivery_refused" in told
    for hidden in (SECRET, "a text of a body", signature(marked.body)[7:], "ab" * 32, "of a stranger"):
        assert hidden not in told


def test_strangers_write_no_more_than_a_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async def story(sender: Sender, _: Taker) -> None:
        for _try in range(50):
            await sender.get("/wp-login.php")

    play(story)

    assert [record.getMessage() for record in caplog.records].count("delivery_refused") < 10


def test_what_is_under_way_when_it_is_told_to_stop_is_answered() -> None:
    async def run() -> None:
        taker = Taker()
        async with served(app_of(taker.take)) as sender:
            taker.gate = asyncio.Event()
            under_way = asyncio.create_task(sender.send(PUSH))
            await taker.has(1)
            sender.server.stop()
            await asyncio.sleep(0.4)
            assert await is_let_go(sender)
            assert not sender.serving.done()
            taker.gate.set()

            assert (await under_way).status == 202
            await asyncio.wait_for(sender.serving, 10)

    asyncio.run(run())
