"""The ``api`` directive, which documents public names, and the check that none is left out.

``.. api:: corten.layers`` and a list of names give a table with a line for each and then what its docstring says. A
name that stands for an object with another home (``corten.Layer``) points there. When all pages are read, every name in
the ``__all__`` of every public module must have an entry and a docstring; the build warns otherwise, and is strict.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature as inspect_signature
from sphinx.util.inspect import stringify_signature

import corten

logger = logging.getLogger(__name__)


@functools.cache
def public_modules() -> dict[str, ModuleType]:
    """Every public module by its name: those in ``corten.__all__``, and in the ``__all__`` of these."""

    def below(name: str, module: ModuleType) -> Iterator[tuple[str, ModuleType]]:
        for inner in module.__all__:
            value = getattr(module, inner)
            if isinstance(value, ModuleType):
                yield f"{name}.{inner}", value
                yield from below(f"{name}.{inner}", value)

    # Of one object in several modules the first is the home: the package itself, which repeats the others, comes last.
    return {**dict(below("corten", corten)), "corten": corten}


def names_of(name: str, module: ModuleType) -> list[str]:
    """What a public module offers, but for modules."""
    return [inner for inner in module.__all__ if f"{name}.{inner}" not in public_modules()]


@functools.cache
def homes() -> dict[int, str]:
    """The name under which each public object is documented, by its id."""
    found: dict[int, str] = {}
    for module_name, module in public_modules().items():
        for name in names_of(module_name, module):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                own = getattr(value, "__name__", name)
                # Of two names within a module its own is the home: Conv2D, not Convolution2D.
                home = own if getattr(module, own, None) is value and own in names_of(module_name, module) else name
                found.setdefault(id(value), f"{module_name}.{home}")
    return found


def summary(value: Any) -> str:
    """The first sentence of the docstring, without links: these need the class around them."""
    if not callable(value):
        return f"``{value!r}``" if len(repr(value)) < 80 else ""
    paragraph = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    sentence = re.match(r"(?:``.*?``|`.*?`|[^`])*?(?<!et al)\.(?= |$)", paragraph)
    return re.sub(r":\w+:(`[^`]+`)", r"`\1`", sentence.group(0) if sentence else paragraph)


class Api(SphinxDirective):
    """``.. api:: module`` and names, separated by white space; ``:inherited: Base`` shows members up to that base."""

    required_arguments = 1
    has_content = True
    option_spec = {"inherited": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """The table and the entries."""
        module_name = self.arguments[0]
        module = importlib.import_module(module_name)
        names = " ".join(self.content).split()
        lines = [f".. py:currentmodule:: {module_name}", ""]
        if len(names) > 1:
            lines += [".. list-table::", "   :class: api-table", "   :widths: 30 70", ""]
            for name in names:
                lines += [f"   * - :obj:`~{module_name}.{name}`", f"     - {summary(getattr(module, name))}"]
            lines += [""]
        for name in names:
            lines += [*self._entry(module_name, name, getattr(module, name)), ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=False)

    def _entry(self, module_name: str, name: str, value: Any) -> list[str]:
        full = f"{module_name}.{name}"
        home = homes().get(id(value), full)
        kind = "class" if inspect.isclass(value) else "function" if callable(value) else "data"
        if home != full:
            role = "class" if kind == "class" else "func"
            return [f".. py:{kind}:: {name}", "", f"   The same as :{role}:`{home}`."]
        if kind == "data":
            return [f".. py:data:: {name}", f"   :value: {value!r}", "", "   The version of Corten."]
        lines = [f".. auto{kind}:: {name}"]
        if kind == "class":
            lines += ["   :members:"]
            if "inherited" in self.options:
                lines += [f"   :inherited-members: {self.options['inherited']}"]
        return lines


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warns of every public name that has no entry or no docstring."""
    entries = env.get_domain("py").objects  # type: ignore[attr-defined]
    for module_name, module in public_modules().items():
        for name in names_of(module_name, module):
            full, value = f"{module_name}.{name}", getattr(module, name)
            if full not in entries:
                logger.warning("%s is public, and has no entry under docs/reference", full)
            elif callable(value) and not (vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__):
                logger.warning("%s is public, and has no docstring", full)


def resolve(app: Sphinx, env: BuildEnvironment, node: Any, content: nodes.Element) -> nodes.Node | None:
    """Leads names from other paths to where the object is documented, and methods to the base that documents them.

    What an annotation names and is not public is not linked; a docstring that names such a thing is an error.
    """
    if node.get("refdomain") != "py":
        return None
    target, module_name = str(node["reftarget"]), str(node.get("py:module"))
    domain: Any = env.get_domain("py")
    candidates = []
    for path in (target, f"{module_name}.{target}"):
        module, _, name = path.rpartition(".")
        if module.startswith("corten"):
            with contextlib.suppress(ImportError, AttributeError):
                candidates.append(homes().get(id(getattr(importlib.import_module(module), name)), ""))
    if node.get("py:class"):
        owner = getattr(importlib.import_module(module_name), node["py:class"], object)
        candidates += [f"{homes().get(id(base), '')}.{target}" for base in inspect.getmro(owner)]
    for home in candidates:
        if home in domain.objects and home != target:
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, content)  # type: ignore[no-any-return]
    return None if isinstance(content, nodes.literal) else content


def constructor(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """The arguments of a class: those of ``__init__``, where a base's ``__new__`` takes anything."""
    if what != "class" or not inspect.isfunction(value.__init__):
        return None
    arguments = inspect_signature(value.__init__, bound_method=True, type_aliases=app.config.autodoc_type_aliases)
    return stringify_signature(arguments, show_return_annotation=False, unqualified_typehints=True), None


def skip_made_by_others(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leaves out what scikit-learn adds to its estimators: it is documented there."""
    return True if str(getattr(value, "__module__", "")).startswith("sklearn.") else None


def hide_colon(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Keeps napoleon from taking what stands before a colon in an attribute's first line for its type."""
    if what in ("property", "attribute", "data") and lines:
        lines[0] = lines[0].replace(": ", "\0 ")


def show_colon(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Puts it back."""
    lines[:] = [line.replace("\0", ":") for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("api", Api)
    app.connect("autodoc-process-signature", constructor)
    app.connect("autodoc-skip-member", skip_made_by_others)
    app.connect("autodoc-process-docstring", hide_colon, priority=400)  # napoleon comes in between, at 500
    app.connect("autodoc-process-docstring", show_colon, priority=600)
    app.connect("env-check-consistency", check)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
