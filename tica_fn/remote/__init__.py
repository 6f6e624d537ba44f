"""Downloads of models and raw files: DVC remotes, MAST, a cache, verified installation."""
