"""Kernels of stars and solutions: stamps, centroids, starlight, polynomials over a field."""
