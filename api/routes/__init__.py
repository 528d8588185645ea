"""Endpoints, one noun per file; each has a `router`."""
