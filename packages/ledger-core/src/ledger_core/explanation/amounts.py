"""How one person's units become credits, told step by step; `domain/apportionment.py` decides the same."""

from __future__ import annotations

from collections.abc import Mapping

from ledger_core.domain.payouts import share_text
from ledger_core.explanation.values import AmountExplained


def explain_amount(user_id: str, units: Mapping[str, int], pool_credits: int) -> AmountExplained | None:
    """Return how the user's amount comes about; None where nothing is distributed, or nothing to the user.

    Holds: amounts over all users sum to the pool, each the one that `compute_payouts` gives.
    """
    total = sum(units.values())
    if user_id not in units or pool_credits == 0 or total == 0:
        return None
    mine = units[user_id]
    floor_credits, remainder = divmod(mine * pool_credits, total)
    spare = pool_credits - sum(each * pool_credits // total for each in units.values())
    ranked = sorted((-(each * pool_credits % total), user) for user, each in units.items())
    rank = ranked.index((-remainder, user_id)) + 1
    last = ranked[spare - 1] if spare else None
    return AmountExplained(
        pool_credits=pool_credits,
        total_units=total,
        people=len(units),
        units=mine,
        share=share_text(mine, total),
        floor_credits=floor_credits,
        remainder=remainder,
        rank=rank,
        spare_credits=spare,
        gets_spare_credit=rank <= spare,
        tied_users=sum(key == -remainder for key, _ in ranked) - 1,
        last_winner=None if last is None else last[1],
        last_winning_remainder=None if last is None else -last[0],
        amount_credits=floor_credits + (rank <= spare),
    )
