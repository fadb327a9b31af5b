"""`python -m scheduler_worker.probe [/healthz]`: asks this machine's worker, for a container without curl."""

from __future__ import annotations

import http.client
import sys
from typing import Final

from scheduler_worker.operating_settings import Address, read_operating_settings

PATHS: Final = ("/healthz", "/readyz")
PATIENCE_SECONDS: Final = 4  # less than what whoever asks waits
# Where a server listens on every interface, it is asked on loopback.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it is looked up, not listened on


def probe(address: Address, path: str) -> tuple[bool, str]:
    """Say whether the worker at the address answers the path with 200, and what it said.

    Raises: nothing: who does not answer is not well.
    """
    host = _EVERYWHERE.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer from {address}: {type(error).__name__}"
    finally:
        connection.close()


def main(arguments: list[str]) -> int:
    """Return 0 if the worker is well, 1 if it is not, 2 if it can't be asked."""
    path = arguments[0] if arguments else PATHS[0]
    address = read_operating_settings().health_address
    if len(arguments) > 1 or path not in PATHS or address is None:
        sys.stderr.write(f"set LEDGER_HEALTH_ADDRESS, and ask for one of {', '.join(PATHS)}\n")
        return 2
    is_well, said = probe(address, path)
    sys.stdout.write(f"{said}\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
