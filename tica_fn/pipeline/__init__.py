"""Pipelines: steps composed into values, and the one pass that several make together."""
