"""What a person must look at: names without a counterpart, data of the service, Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from engine.migration.code import Code, dotted, literal
from engine.migration.edits import Remark
from engine.migration.known_names import Ask, old_name

_BLOB = re.compile(
    r"\b(https?|wasbs?|abfss?|adl)://[^\s'\"]*?(blob|dfs|azuredatalakestore)\.[\w.]*"
)
_IMPORT_IN_TEXT = re.compile(r"^[ \t]*(from|import)[ \t]+azureml\b", re.MULTILINE)
_SPARK = "Spark is not available: read the files with Dataset.Tabular, or give a Ray Dataset"
_BLOB_WAY = (
    "data in the service's storage: download it and name the file, or install adlfs and use an "
    "az:// URI"
)


def remarks(code: Code, ask: Ask) -> Iterator[Remark]:
    """Yield what a person must look at in a source, migrated or not.

    Parameters
    ----------
    ask:
        Answers for names of the retired service's SDK, as `known_names.ask_tree` does.
    """
    has_old = bool(code.imported_roots & {"azureml"}) or "azureml" in code.text
    imported = {name for node in code.nodes() for name in _old_imports(node)}
    missing = {name for name in imported if not ask(name).is_importable}
    for node in code.nodes():
        if isinstance(node, cst.Import | cst.ImportFrom):
            yield from _import(code, node, ask)
        elif isinstance(node, cst.Attribute | cst.Name):
            yield from _use(code, node, ask, missing)
        elif isinstance(node, cst.SimpleString | cst.FormattedString):
            yield from _text(code, node)
        elif isinstance(node, cst.Call) and has_old:
            yield from _call(code, node)
        elif isinstance(node, cst.DictElement) and literal(node.key) == "spark_context":
            yield Remark(code.span(node)[0], _SPARK)


def _old_imports(node: cst.CSTNode) -> Iterator[str]:
    """Names of the retired service's SDK that a statement imports."""
    if isinstance(node, cst.Import):
        yield from filter(None, (old_name(dotted(alias.name)) for alias in node.names))
    elif isinstance(node, cst.ImportFrom) and not node.relative and node.module is not None:
        module = old_name(dotted(node.module))
        if module:
            yield module
            if not isinstance(node.names, cst.ImportStar):
                yield from (f"{module}.{dotted(alias.name)}" for alias in node.names)


def _import(code: Code, node: cst.Import | cst.ImportFrom, ask: Ask) -> Iterator[Remark]:
    start = code.span(node)[0]
    if isinstance(node, cst.Import):
        modules = [dotted(alias.name) for alias in node.names]
    else:
        modules = [dotted(node.module)] if node.module is not None and not node.relative else []
    if any(module.split(".")[0] == "pyspark" for module in modules):
        yield Remark(start, _SPARK)
    for name in _old_imports(node):
        answer = ask(name)
        if not answer.is_importable:
            yield Remark(start, answer.way)


def _use(
    code: Code, node: cst.Attribute | cst.Name, ask: Ask, missing: set[str]
) -> Iterator[Remark]:
    """Names that may be imported, but not used, and names that no import statement names."""
    around = code.parent(node)
    if not code.is_read(node) or (isinstance(around, cst.Attribute) and around.value is node):
        return
    name = old_name(code.name(node)) or _unbound(code, node)
    # An import that fails is remarked on where it stands.
    if name and not any(f"{name}.".startswith(f"{one}.") for one in missing):
        answer = ask(name)
        if answer.way:
            yield Remark(code.span(node)[0], f"{name}: {answer.way}")


def _unbound(code: Code, node: cst.Attribute | cst.Name) -> str:
    """Return ``azureml.x.y`` where nothing binds ``azureml``; a migration binds it."""
    text = dotted(node)
    is_ours = isinstance(node, cst.Attribute) and text.startswith("azureml.")
    return text if is_ours and not code.binds("azureml", node) else ""


def _text(code: Code, node: cst.SimpleString | cst.FormattedString) -> Iterator[Remark]:
    text = code.source(node)
    start = code.span(node)[0]
    if _BLOB.search(text):
        yield Remark(start, _BLOB_WAY)
    if not isinstance(node, cst.SimpleString) or isinstance(code.parent(node), cst.Expr):
        return
    if _IMPORT_IN_TEXT.search(str(node.evaluated_value)):
        yield Remark(start, "a text that holds code with azureml imports: migrate that code too")


def _call(code: Code, call: cst.Call) -> Iterator[Remark]:
    start = code.span(call)[0]
    if isinstance(call.func, cst.Attribute) and call.func.attr.value == "start_logging":
        what = "start_logging: experiments hold AutoML runs; log other runs with MLflow"
        yield Remark(start, what)
    name = code.name(call.func)
    if name in ("importlib.import_module", "__import__") or dotted(call.func) == "__import__":
        first = literal(call.args[0].value) if call.args else None
        if isinstance(first, str) and old_name(first).startswith("azureml") and first[:1] == "a":
            yield Remark(start, f"an import by text: write engine.{first}")
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == "spark_context":
            yield Remark(code.span(arg)[0], _SPARK)
