"""How many examples a property is tried on: a fast default, and HYPOTHESIS_PROFILE=ci for many."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: a machine that pauses is no finding.
settings.register_profile("fast", max_examples=100, deadline=None)
settings.register_profile("ci", max_examples=2_000, deadline=None, print_blob=True)
# Many mutants, each by the same few examples.
settings.register_profile("mutation", max_examples=25, deadline=None, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
