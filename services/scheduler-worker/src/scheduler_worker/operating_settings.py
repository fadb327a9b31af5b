"""The environment of a worker that is operated: its endpoints, how it logs, how often it looks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from attrs import frozen

from ledger_core.errors import InvalidValue

DEFAULT_OBSERVE_INTERVAL: Final = timedelta(seconds=15)  # about as often as Prometheus scrapes
DEFAULT_DRAIN: Final = timedelta(seconds=20)  # below a container's usual 30 s
_LONGEST_INTERVAL_SECONDS: Final = 300  # alerts think in minutes
_LONGEST_DRAIN_SECONDS: Final = 3_600
_HIGHEST_PORT: Final = 65_535
_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+):(?P<port>[0-9]{1,5})")


class LogFormat(StrEnum):
    """How a log line looks."""

    JSON = "json"
    TEXT = "text"


@frozen(kw_only=True)
class Address:
    """Where to listen; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen(kw_only=True)
class OperatingSettings:
    """What the environment says about operating a worker; an address that is not set is not listened on."""

    health_address: Address | None = None
    metrics_address: Address | None = None
    observe_interval: timedelta = DEFAULT_OBSERVE_INTERVAL
    drain: timedelta = DEFAULT_DRAIN


def read_operating_settings(environment: Mapping[str, str] = os.environ) -> OperatingSettings:
    """Return the settings of this process's environment; empty variables count as not set.

    Raises: InvalidValue, naming the variable.
    """
    return OperatingSettings(
        health_address=_address(environment, "LEDGER_HEALTH_ADDRESS"),
        metrics_address=_address(environment, "LEDGER_METRICS_ADDRESS"),
        observe_interval=_seconds(
            environment, "LEDGER_OBSERVE_SECONDS", DEFAULT_OBSERVE_INTERVAL, most=_LONGEST_INTERVAL_SECONDS
        ),
        drain=_seconds(environment, "LEDGER_DRAIN_SECONDS", DEFAULT_DRAIN, most=_LONGEST_DRAIN_SECONDS),
    )


def read_log_format(environment: Mapping[str, str] = os.environ) -> LogFormat | None:
    """Return LEDGER_LOG_FORMAT; None where it is not set, and a terminal decides.

    Raises: InvalidValue.
    """
    text = environment.get("LEDGER_LOG_FORMAT") or None
    if text is None:
        return None
    try:
        return LogFormat(text)
    except ValueError:
        raise InvalidValue("LEDGER_LOG_FORMAT", "must be json or text") from None


def _address(environment: Mapping[str, str], name: str) -> Address | None:
    text = environment.get(name) or None
    return None if text is None else parse_address(name, text)


def parse_address(name: str, text: str) -> Address:
    """Return the address that a text says; `name` is the variable's or the option's.

    Raises: InvalidValue.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise InvalidValue(name, "must be HOST:PORT, like 127.0.0.1:8081 or [::1]:8081")
    return Address(host=match["host"].strip("[]"), port=int(match["port"]))


def _seconds(environment: Mapping[str, str], name: str, default: timedelta, *, most: int) -> timedelta:
    text = environment.get(name) or None
    if text is None:
        return default
    if re.fullmatch("[0-9]{1,4}", text) is None or not 1 <= int(text) <= most:
        raise InvalidValue(name, f"must be a whole number, 1 to {most}")
    return timedelta(seconds=int(text))
