"""`[approvals]`: who approves statements by a signature, and how many of them must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from ledger_core.domain.approvals import ApprovalPolicy, SignerRecovery
from scheduler_worker.addresses import ADDRESS, MISTYPED, AddressChecksumWrong, checksum_fits
from scheduler_worker.policy_table import PolicyInvalid, PolicyTable, check_line

MAX_APPROVERS: Final = 100
MAX_NAME_CHARACTERS: Final = 100


class ApproverMistyped(PolicyInvalid):
    """An approver's address has another checksum than its letters show."""

    code = AddressChecksumWrong.code


@frozen(kw_only=True)
class ApprovalsPolicy:
    """Approvers' Ethereum addresses, in lower case, by their names; a statement needs `required` signatures.

    Holds: every address's checksum fits, but for those of the approvers in `unchecked`, where none can be computed.
    """

    required: int = 0
    approvers: Mapping[str, str] = field(factory=dict, hash=False)
    unchecked: tuple[str, ...] = field(default=(), eq=False)  # of this machine, and no part of what is meant

    def with_recovery(self, recover: SignerRecovery) -> ApprovalPolicy:
        """Return what use cases check approvals by."""
        return ApprovalPolicy(
            required=self.required, approvers=frozenset(self.approvers.values()), recover=recover
        )

    def name_of(self, signer: str) -> str | None:
        """Return whose address it is."""
        return next((name for name, address in self.approvers.items() if address == signer), None)


def parse_approvals(root: PolicyTable) -> ApprovalsPolicy:
    """Return the approvals of a policy.

    Raises: PolicyInvalid.
    """
    table = root.table("approvals", "required", "approvers")
    named: Mapping[str, Any] = table.get("approvers", dict) or {}
    people = PolicyTable(named, table.key("approvers"))
    if len(named) > MAX_APPROVERS:
        raise PolicyInvalid(people.name, f"has more than {MAX_APPROVERS} approvers")
    approvers: dict[str, str] = {}
    unchecked: list[str] = []
    for name in named:
        check_line(people.key("a name"), name, most_characters=MAX_NAME_CHARACTERS)
        address = people.matching(name, ADDRESS, "be an address: 0x and 40 hexadecimal digits")
        assert address is not None, "a key that is there has a value"
        if address.lower() in approvers.values():
            raise PolicyInvalid(people.key(name), "is another approver's address")
        fits = checksum_fits(address)
        if fits is False:
            raise ApproverMistyped(people.key(name), MISTYPED)
        if fits is None:
            unchecked.append(name)
        approvers[name] = address.lower()
    required = table.get("required", int) or 0
    if not 0 <= required <= len(approvers):
        raise PolicyInvalid(table.key("required"), f"must be 0 to {len(approvers)}, one an approver")
    return ApprovalsPolicy(required=required, approvers=approvers, unchecked=tuple(unchecked))


def approvals_schema() -> dict[str, Any]:
    """Return the part of the policy's JSON Schema that these tables have."""
    return {
        "type": "object",
        "description": "Who approves statements by a signature.",
        "properties": {
            "required": {
                "type": "integer",
                "description": "How many approvers must sign a statement before it is written.",
                "minimum": 0,
                "maximum": MAX_APPROVERS,
                "default": 0,
            },
            "approvers": {
                "type": "object",
                "description": "Who may sign: addresses by names.",
                "propertyNames": {"pattern": r"^\S(?:.*\S)?$", "maxLength": MAX_NAME_CHARACTERS},
                "additionalProperties": {
                    "type": "string",
                    "description": "An Ethereum address.",
                    "pattern": f"^{ADDRESS.pattern}$",
                },
                "maxProperties": MAX_APPROVERS,
            },
        },
        "additionalProperties": False,
    }
