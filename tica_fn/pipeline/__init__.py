"""Pipelines: steps composed into a callable value, and several steps done in one pass."""
