"""Every tampering with a bundle that the matrix knows, tried: `python -m tests.tamper_matrix` tries all of them.

Two attackers. One changes the file alone: each bit, each byte, each length. The other also makes a right manifest and
container, and is met by `--expect` with the published hash. What no hash covers (who decided, when and why; by what
an event was read) is evidence for people, and the one thing that may be changed unseen; it is counted by field.
"""

from __future__ import annotations

import argparse
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger_core.verification.bundle_format import CHAIN, STATEMENT
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.verifier import verify_open_bundle
from tests.bundle_forging import Parts, put_together, take_apart
from tests.bundle_histories import bundle_bytes, standard_history

EVIDENCE = frozenset({
    "computed_at", "judged_at", "judged_by", "note", "override_at", "override_by", "override_reason",
    "producer", "producer_version", "retrieved_at",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tampering:
    """A bundle that was tampered with, and how; changed is the line it was, where it was one."""

    kind: str
    bundle: bytes
    changed: tuple[bytes, bytes] | None = None


@dataclass(slots=True)
class Tally:
    """What became of the tamperings: how many of each kind, which fields are evidence, what was not detected."""

    kinds: Counter[str] = field(default_factory=Counter)
    evidence: Counter[str] = field(default_factory=Counter)
    undetected: list[str] = field(default_factory=list)

    def take(self, tampering: Tampering, expected_hash: str) -> None:
        """Verify one bundle as somebody does who knows the published hash."""
        try:
            report = verify_open_bundle(io.BytesIO(tampering.bundle), expected_hash=expected_hash)
            verified = report.is_verified
        except BundleRefused:
            verified = False
        if not verified:
            self.kinds[tampering.kind] += 1
            return
        fields = set() if tampering.changed is None else changed_fields(*tampering.changed)
        if fields and fields <= EVIDENCE:
            self.evidence.update(fields)
        else:
            self.undetected.append(f"{tampering.kind}: {sorted(fields)}")


def changed_fields(before: bytes, after: bytes) -> set[str]:
    """Return the names of the fields in which two records differ; the one that was verified can be read."""
    old, new = dict(leaves(json.loads(before))), dict(leaves(json.loads(after)))
    return {
        path[-1] for path in old.keys() | new.keys() if old.get(path, "absent") != new.get(path, "absent")
    }


def leaves(value: object, path: tuple[str, ...] = ("",)) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each innermost value as text, with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, repr(value)


def tamperings(bundles: list[bytes], every: int) -> Iterator[Tampering]:
    """Yield the tamperings with the last of a node's bundles; of those with single bits and bytes each n-th."""
    yield from changed_files(bundles[-1], every)
    yield from forged_records(bundles[-1], every)
    yield from swapped_files(bundles)
    yield from replayed_chains(bundles[-1])


def changed_files(bundle: bytes, every: int) -> Iterator[Tampering]:
    """Yield what a change to the bytes of the file alone can give."""
    for number in range(0, len(bundle) * 8, every):
        at, bit = divmod(number, 8)
        flipped = bytes([bundle[at] ^ (1 << bit)])
        yield Tampering("a bit of the file flipped", bundle[:at] + flipped + bundle[at + 1 :])
    for at in range(0, len(bundle), every):
        yield Tampering("the file cut short", bundle[:at])
        yield Tampering("a byte of the file taken out", bundle[:at] + bundle[at + 1 :])
        yield Tampering("a byte of the file repeated", bundle[:at] + bundle[at : at + 1] + bundle[at:])


def forged_records(bundle: bytes, every: int) -> Iterator[Tampering]:
    """Yield what a change to a record can give, manifest and container made right again."""
    files = take_apart(bundle)
    for name, data in files.items():
        lines = [data] if name == STATEMENT else data.splitlines(keepends=True)
        for number, line in enumerate(lines):
            before, after = b"".join(lines[:number]), b"".join(lines[number + 1 :])
            for kind, record in changed_records(lines, number, every):
                forged = before + record + after
                if forged != data:
                    made = put_together({**files, name: forged})
                    yield Tampering(f"{name}: {kind}", made, (line, record))


def changed_records(lines: list[bytes], number: int, every: int) -> Iterator[tuple[str, bytes]]:
    """Yield what stands in a record's place, and how it came to."""
    line = lines[number]
    for position in range(0, len(line) * 8, every):
        at, bit = divmod(position, 8)
        yield "a bit of a record flipped", line[:at] + bytes([line[at] ^ (1 << bit)]) + line[at + 1 :]
    for at in range(0, len(line), every):
        yield "a record truncated", line[:at]
    yield "a record deleted", b""
    yield "a record duplicated", line * 2
    for other in (found for found in lines if found != line):
        yield "a record replaced by another", other
        yield "two records spliced", line[: len(line) // 2] + other[len(other) // 2 :]
    for following in lines[number + 1 : number + 2]:
        yield "a record put before its predecessor", following + line + following


def swapped_files(bundles: list[bytes]) -> Iterator[Tampering]:
    """Yield the last bundle with each file, and with each set of files but the statement, of each other."""
    own = take_apart(bundles[-1])
    for other in map(take_apart, bundles[:-1]):
        for name in own:
            if other[name] != own[name]:
                yield Tampering("a file of another bundle", put_together({**own, name: other[name]}))
        yield Tampering("all files of another bundle", put_together(other))
        yield Tampering(
            "all but the statement of another", put_together({**other, STATEMENT: own[STATEMENT]})
        )
        yield Tampering("all but the chain of another", put_together({**other, CHAIN: own[CHAIN]}))


def replayed_chains(bundle: bytes) -> Iterator[Tampering]:
    """Yield the statement over each older head of its chain, and over a history that was rewritten whole."""
    length = len(Parts(bundle).chain)
    for kept in range(length):
        parts = Parts(bundle)
        del parts.chain[kept:]
        yield Tampering("an old chain head, as it is", parts.bundle())
        parts.link_chain()
        yield Tampering("an old chain head, linked again", parts.bundle())
    for number in range(length):
        parts = Parts(bundle)
        parts.chain[number]["pool_total_credits"] = "1"
        parts.link_chain()
        yield Tampering("a history rewritten and linked again", parts.bundle())


def try_all(every: int) -> Tally:
    """Try the tamperings, and return what became of them."""
    history = standard_history()
    bundles = [bundle_bytes(history, epoch) for epoch in (1, 2, 3)]
    published = verify_open_bundle(io.BytesIO(bundles[-1])).statement_hash
    tally = Tally()
    for tampering in tamperings(bundles, every):
        tally.take(tampering, published)
    return tally


def main() -> int:
    """Try them and print the tally; exit with 1 if anything was not detected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="of single bits and bytes, try each n-th")
    tally = try_all(parser.parse_args().every)
    for kind, number in sorted(tally.kinds.items()):
        print(f"{number:>8} {kind}")
    print(f"{sum(tally.kinds.values()):>8} tamperings detected")
    print(
        f"{sum(tally.evidence.values()):>8} changes of evidence that no hash covers: {', '.join(sorted(tally.evidence))}"
    )
    for what in tally.undetected:
        print(f"NOT DETECTED {what}")
    print(f"{len(tally.undetected):>8} undetected")
    return 1 if tally.undetected else 0


if __name__ == "__main__":
    raise SystemExit(main())
