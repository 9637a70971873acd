"""Settings of the Sphinx site; `make docs` builds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from engine import __version__  # noqa: E402

project = "raysmith"
author = "The raysmith developers"
project_copyright = author
version = release = __version__

extensions = [
    "_ext.site",
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_ext", "reference/_generated", "images", "gallery/*.ipynb"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}

# Docstrings: a name between single backticks is a link where it has a page.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
toc_object_entries_show_parents = "hide"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False
# `type` in an annotation is Python's own. Compute targets have a property of that name.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Pages are run by the tests; notebooks need a cluster.
nb_execution_mode = "off"

sphinx_gallery_conf = {
    "examples_dirs": ["_build/examples"],
    "gallery_dirs": ["gallery"],
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    # The last line of a block of plots is matplotlib's, and nothing to read.
    "ignore_repr_types": r"matplotlib|<class 'list'>",
    "plot_gallery": "True",
}

# Code names its language; the rest is output.
highlight_language = "text"
html_theme = "pydata_sphinx_theme"
html_title = "raysmith"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "raysmith"},
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
