"""Sphinx configuration."""

from importlib.metadata import version as installed

project = "tica-fn"
author = "The tica-fn developers"
version = release = installed("tica-fn")
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "tables"]
html_theme = "alabaster"
autosummary_generate = False
numpydoc_show_class_members = False
myst_heading_anchors = 3
