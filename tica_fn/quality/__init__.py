"""Flags of pixels, of whole frames, of calibration models, and of transients."""
