"""Bindings as CSV come back as they were, whatever they are called; a mailmap's people are whom its lines join."""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from ledger_core.domain.identity import IdentityBinding
from ledger_core.identifiers import is_identifier, user_id
from scheduler_worker.cli.binding_files import MailmapLine, bindings_csv, parse_mailmap, read_bindings
from scheduler_worker.cli.mailmap_hints import read_hints

NAMES = st.one_of(
    st.text(max_size=40), st.text("=+-@'\",;a ", min_size=1, max_size=8)
).filter(is_identifier)  # fmt: skip
BINDINGS = st.lists(
    st.builds(
        IdentityBinding,
        provider=st.sampled_from(["github", "gitlab"]),
        external_id=NAMES,
        user_id=NAMES.map(user_id),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: (each.provider, each.external_id),
)
ADDRESSES = st.sampled_from([f"{letter}@x" for letter in "abcdefgh"])
LINES = st.lists(st.tuples(ADDRESSES, ADDRESSES), max_size=10)


@given(BINDINGS)
def test_an_export_is_read_back_as_it_was_and_no_cell_is_a_formula(bindings: list[IdentityBinding]) -> None:
    text = "".join(bindings_csv(bindings))
    with TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        path.write_bytes(text.encode())
        found = [each.binding for each in read_bindings(path)]

    assert found == bindings
    for row in csv.reader(text.splitlines(keepends=True)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@given(LINES, st.dictionaries(ADDRESSES, st.sampled_from(["ann", "bob"]), max_size=4))
def test_addresses_are_one_person_s_exactly_where_lines_join_them(
    pairs: list[tuple[str, str]], owners: dict[str, str]
) -> None:
    entries, odd = parse_mailmap("".join(f"N <{proper}> <{alias}>\n" for proper, alias in pairs))
    found = read_hints(entries, odd, owners, new_users=True)
    person: dict[str, set[str]] = {}
    for each in entries:  # by hand: whoever shares an address is joined until nothing changes
        person.setdefault(each.proper, {each.proper})
        person.setdefault(each.alias, {each.alias})
        joined = person[each.proper] | person[each.alias]
        for address in joined:
            person[address] = joined

    users: dict[frozenset[str], set[str]] = {}
    for hint in found.hints:
        assert hint.user_id is not None
        users.setdefault(frozenset(person[hint.account]), set()).add(hint.user_id)
        assert hint.is_bound == (hint.account in owners)
    groups = {frozenset(group) for group in person.values()}
    for group in groups:
        bound_to = {owners[address] for address in group if address in owners}
        assert (group in users) == (len(bound_to) <= 1)
        if group in users:
            assert len(users[group]) == 1
            assert bound_to <= users[group]
    assert len(found.conflicts) == sum(group not in users for group in groups)


def test_git_takes_the_last_of_two_lines_for_an_address() -> None:
    entries, odd = parse_mailmap("A <a@x> <b@x>\nC <c@x> <B@X>\n  \n# no\nbroken <\n")

    assert entries == [MailmapLine(line=2, proper="c@x", alias="b@x", name=None)]
    assert odd == [5]


def test_a_mailmap_s_lines_are_git_s_and_what_is_to_be_copied_is_quoted_for_a_shell() -> None:
    hidden, odd = parse_mailmap("A <a@x> <b@x>\x0cE <e@x> <f@x>\r\nC <c@x> <d@x>\n")
    assert {(each.proper, each.alias) for each in hidden} <= {("c@x", "d@x")}
    assert odd == [1]
    users = {"a@x": "ann", "b@x": "b; touch /tmp/x $(id)"}
    (conflict,) = read_hints(parse_mailmap("A <a@x> <b@x>\n")[0], [], users, new_users=False).conflicts
    assert conflict.endswith("ledger identity merge --reason 'one person' -- 'b; touch /tmp/x $(id)' ann")
