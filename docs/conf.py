"""How Sphinx makes the documentation: Markdown, warnings are errors (`make docs`)."""

from importlib.metadata import version as installed_version

project = "wsgicontainer"
author = "the wsgicontainer authors"
release = version = installed_version("wsgicontainer")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"wsgicontainer {release}"
