"""The report of a run: one page that opens from disk, without a network, in light and dark.

Plots use Bokeh: its inline JavaScript takes 1.4 MB (Plotly's 4.8), and plots that share a range
object are linked without code.
"""

from tica_fn.run.page.write import write_page

__all__ = ["write_page"]
