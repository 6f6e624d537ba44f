"""Timings: ``python -m benchmarks`` (``make bench``) prints them all and writes the docs' table."""
