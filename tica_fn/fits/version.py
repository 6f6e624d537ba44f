"""Version of this software, which asking the installed packages for takes 20 ms."""

__all__ = ["__version__"]

__version__ = "0.2.0"
