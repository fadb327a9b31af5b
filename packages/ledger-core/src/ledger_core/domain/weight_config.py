"""The weight policy: milli-units for each kind of activity, `source:event_type` -> weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import check_name

# A billion units an event: far above any policy, and nine million such events still sum within 2^63-1.
MAX_WEIGHT_MILLI: Final = 10**12
MAX_WEIGHTS: Final = 1_000  # kinds of activity in one policy; the largest known has a few dozen


class WeightConfig(Mapping[str, int]):
    """An immutable mapping `source:event_type` -> milli-units (WEIGHTS_INTEGER_ONLY).

    Units:   8000 is 8.000 units.
    Holds:   every weight is an integer from 0 to 10^12, so that sums of them stay within 2^63-1.
    Raises:  InvalidValue.
    """

    __slots__ = ("_weights",)

    def __init__(self, weights: Mapping[str, int]) -> None:
        if not isinstance(weights, Mapping):
            raise InvalidValue("weight config", "must map source:event_type to a whole number")
        if len(weights) > MAX_WEIGHTS:
            raise InvalidValue("weight config", f"names more than {MAX_WEIGHTS} kinds of activity")
        for key, weight in weights.items():
            _check_key(key)
            if type(weight) is not int:
                raise InvalidValue(
                    f"weight of {key}", f"must be a whole number of milli-units, not {type(weight).__name__}"
                )
            if not 0 <= weight <= MAX_WEIGHT_MILLI:
                raise InvalidValue(f"weight of {key}", "must lie between 0 and 10^12 milli-units")
        self._weights = {key: weights[key] for key in sorted(weights)}

    def __getitem__(self, key: str) -> int:
        return self._weights[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def __hash__(self) -> int:
        return hash(tuple(self._weights.items()))

    def __repr__(self) -> str:
        return f"WeightConfig({self._weights!r})"


def _check_key(key: object) -> None:
    source, colon, event_type = key.partition(":") if isinstance(key, str) else ("", "", "")
    if not colon:
        raise InvalidValue("weight key", "must be written source:event_type")
    check_name("source of a weight key", source)
    check_name("event type of a weight key", event_type)
