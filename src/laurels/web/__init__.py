"""HTTP: `api` is what programs talk to."""
