"""Noise of the detector, the variance of sums of pixels, and a Monte Carlo of it."""
