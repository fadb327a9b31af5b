"""How the pages here become a site: `uv run --group docs sphinx-build -W -b html docs build/site`."""

project = "Cogni ledger"
html_title = "Cogni ledger"
extensions = ["myst_parser"]
html_theme = "furo"
html_show_copyright = False
html_copy_source = False
nitpicky = True

myst_heading_anchors = 4  # links to headings, as repositories resolve them
myst_enable_extensions = ["fieldlist"]
suppress_warnings = ["misc.highlighting_failure"]  # blocks in two languages at once
