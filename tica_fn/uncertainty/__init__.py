"""Noise of the detector, and the variance of pixels and of their sums."""
