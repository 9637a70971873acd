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
    for node in code.nodes():
        if isinstance(node, cst.Import):
            yield from _import(code, node, ask)
        elif isinstance(node, cst.ImportFrom):
            yield from _import_from(code, node, ask)
        elif isinstance(node, cst.Attribute | cst.Name):
            yield from _use(code, node, ask)
        elif isinstance(node, cst.SimpleString | cst.FormattedStringText):
            yield from _text(code, node)
        elif isinstance(node, cst.Call) and has_old:
            yield from _call(code, node)
        elif isinstance(node, cst.DictElement) and literal(node.key) == "spark_context":
            yield Remark(code.span(node)[0], _SPARK)


def _import(code: Code, node: cst.Import, ask: Ask) -> Iterator[Remark]:
    for alias in node.names:
        name = dotted(alias.name)
        if name.split(".")[0] == "pyspark":
            yield Remark(code.span(alias)[0], _SPARK)
        elif old_name(name):
            answer = ask(old_name(name))
            if not answer.is_importable:
                yield Remark(code.span(alias)[0], answer.way)


def _import_from(code: Code, node: cst.ImportFrom, ask: Ask) -> Iterator[Remark]:
    if node.relative or node.module is None:
        return
    module = dotted(node.module)
    if module.split(".")[0] == "pyspark":
        yield Remark(code.span(node)[0], _SPARK)
    if not old_name(module):
        return
    answer = ask(old_name(module))
    if not answer.is_importable:
        yield Remark(code.span(node)[0], answer.way)
    elif not isinstance(node.names, cst.ImportStar):
        for alias in node.names:
            answer = ask(f"{old_name(module)}.{dotted(alias.name)}")
            if not answer.is_importable:
                yield Remark(code.span(alias)[0], answer.way)


def _use(code: Code, node: cst.Attribute | cst.Name, ask: Ask) -> Iterator[Remark]:
    """Names that may be imported, but not used."""
    around = code.parent(node)
    if not code.is_read(node) or (isinstance(around, cst.Attribute) and around.value is node):
        return
    imported, unbound = old_name(code.name(node)), _unbound(code, node)
    name = imported or unbound
    if name:
        answer = ask(name)
        # An import that fails is remarked on where it stands.
        if answer.way and (answer.is_importable or unbound):
            yield Remark(code.span(node)[0], f"{name}: {answer.way}")


def _unbound(code: Code, node: cst.Attribute | cst.Name) -> str:
    """Return ``azureml.x.y`` where nothing binds ``azureml``; a migration binds it."""
    text = dotted(node)
    is_ours = isinstance(node, cst.Attribute) and text.startswith("azureml.")
    return text if is_ours and not code.binds("azureml", node) else ""


def _text(code: Code, node: cst.SimpleString | cst.FormattedStringText) -> Iterator[Remark]:
    text = node.value
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
