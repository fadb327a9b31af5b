"""A statement's payouts in the formats of others: each is written as bytes, and read back to sum what it says."""
