"""What every session with the database has, whatever runs in it."""

from __future__ import annotations

import socket

from sqlalchemy import Engine, text


def test_a_host_that_vanished_is_given_up_within_a_minute(worker_engine: Engine) -> None:
    """As the operating system has it: an idle connection is probed, and sent data must be confirmed."""
    with worker_engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as found:
            probing = found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            idle, interval, count = (found.getsockopt(socket.IPPROTO_TCP, option) for option in options)
            unconfirmed = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert probing == 1
    assert idle + interval * count == 60
    assert unconfirmed == 60_000


def test_a_session_speaks_utc_and_gives_way_on_a_lock(worker_engine: Engine) -> None:
    with worker_engine.connect() as connection:
        settings = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("TimeZone", "lock_timeout", "idle_in_transaction_session_timeout")
        ]

    assert settings == ["UTC", "30s", "10min"]
