"""Where calibration models come from: DVC remotes and MAST, a cache, verified installation."""
