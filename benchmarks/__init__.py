"""Timings: ``python -m benchmarks`` (``make bench``) prints all and writes the docs' table."""
