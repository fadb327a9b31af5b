"""The cases: each module has `CASES`, functions that measure in processes of their own and return figures."""
