"""How Sphinx builds the site: ``make docs``."""

import sys
from pathlib import Path

import corten
import corten.typing

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "Corten"
author = "The Corten developers"
copyright = "the Corten developers"
version = release = corten.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "public_api",
    "keras_differences_table",
    "benchmark_plots",
]
exclude_patterns = ["extensions", "decisions/0000-template.md"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nitpicky = True  # every reference leads somewhere
suppress_warnings = ["ref.python"]  # to either of several public names of one thing
autodoc_inherit_docstrings = False  # `build` and `call` mean in every class what they mean in its base
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: f"corten.typing.{name}" for name in corten.typing.__all__ if name != "Tensor"}
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_param = False  # several arguments may share a sentence
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False  # each section begins with a table of its names

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = "Corten"
html_static_path = ["_static"]
html_css_files = ["corten.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#9a3b12",
        "color-brand-content": "#9a3b12",
        "color-brand-visited": "#7a3f6b",
    },
    "dark_css_variables": {
        "color-brand-primary": "#f0935f",
        "color-brand-content": "#f0935f",
        "color-brand-visited": "#d69ac6",
    },
}
