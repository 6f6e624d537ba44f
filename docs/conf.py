"""Sphinx configuration."""

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # figures draw with docs/drawing.py

from inventories import mapping

project = "tica-fn"
author = "The tica-fn developers"
copyright = "2026, the tica-fn developers"
version = release = installed("tica-fn")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # Formulas are shown without a network too.
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxarg.ext",
]
# The first is the suffix of the pages that autosummary generates.
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "tables", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
suppress_warnings = ["intersphinx.external"]

# numpy, scipy, astropy and lightkurve use pydata-sphinx-theme, so readers know their way around.
html_theme = "pydata_sphinx_theme"
html_title = "tica-fn"
html_static_path = ["_static"]
html_css_files = ["tica-fn.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_context = {"default_mode": "auto"}
# Pages without pages below them need no navigation at their side.
html_sidebars = {
    "*": [],
    **{f"{part}/*": ["sidebar-nav-bs"] for part in ("api", "notebooks", "step")},
}

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections say the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True

plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]
plot_include_source = False
plot_rcparams = {"figure.constrained_layout.use": True, "font.size": 9, "image.origin": "lower"}

intersphinx_mapping = mapping(Path(__file__).parent / "_build" / "inventories")


def check_pages(app, error):
    """Refuse pages that are too large to read, and directives that stand on a page as text."""
    if error is not None or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        if len(text.encode()) > 200_000:
            raise RuntimeError(f"{page.name}: over 200 kB")
        if re.search(r"<p>\s*\.\. [a-z]+::", text):
            raise RuntimeError(f"{page.name}: a directive was not understood")


def setup(app):
    app.connect("build-finished", check_pages)
