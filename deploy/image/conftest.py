"""The tests' own real servers, for containers on this machine's network."""

from __future__ import annotations

from tests.conftest import (
    admin_engine,
    namespace,
    namespaces,
    node_id,
    postgres_url,
    temporal_address,
)

__all__ = [
    "admin_engine",
    "namespace",
    "namespaces",
    "node_id",
    "postgres_url",
    "temporal_address",
]
