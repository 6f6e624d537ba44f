"""Models built from stacks of raw frames."""
