"""How Sphinx builds the documentation."""

import mxisd

project = "mxisd"
author = "the mxisd authors"
project_copyright = author
version = release = mxisd.__version__

extensions: list[str] = []
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False
html_theme = "alabaster"
html_theme_options = {
    "description": "Federated Matrix identity server",
    "fixed_sidebar": True,
}
html_show_sourcelink = False
