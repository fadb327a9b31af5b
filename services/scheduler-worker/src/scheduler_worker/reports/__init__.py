"""Pages that a person reads in a browser: an epoch with how every number came to be, and all epochs together."""
