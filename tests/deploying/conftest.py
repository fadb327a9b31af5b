"""A node to try the guides on: the one that tests of operating use."""

from __future__ import annotations

from tests.operating.conftest import operated_node

__all__ = ["operated_node"]
