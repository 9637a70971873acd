"""Names and arguments that scikit-learn, matplotlib and pandas_ml no longer have."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.calls import keyword, remove_argument, remove_item, replace_value
from engine.migration.code import Code, dotted, literal
from engine.migration.edits import Edit, Finding, Remark
from engine.migration.imports import replace_statement

_JOBLIB = "sklearn.externals.joblib"
_JOBLIB_WHAT = "sklearn.externals.joblib is joblib"
_MATRIX = "pandas_ml.ConfusionMatrix"
_DISPLAY = "ConfusionMatrixDisplay"
_MATRIX_WHAT = "pandas_ml.ConfusionMatrix is sklearn.metrics.ConfusionMatrixDisplay"
_NEW_MATRIX = f"sklearn.metrics.{_DISPLAY}.from_predictions"
#: What a display has; all else was pandas_ml's.
_MATRIX_PARTS = {
    "plot", "confusion_matrix", "display_labels", "im_", "text_", "ax_", "figure_",
}  # fmt: skip
_MATRIX_ARGUMENTS = {"y_true", "y_pred", "labels"}
#: Old module -> today's, for names that are the same there.
_MODULES = {
    "sklearn.datasets.samples_generator": "sklearn.datasets",
    "sklearn.datasets.base": "sklearn.datasets",
    "sklearn.metrics.classification": "sklearn.metrics",
    "sklearn.metrics.regression": "sklearn.metrics",
    "sklearn.metrics.ranking": "sklearn.metrics",
    "sklearn.metrics.scorer": "sklearn.metrics",
    "sklearn.ensemble.forest": "sklearn.ensemble",
    "sklearn.ensemble.gradient_boosting": "sklearn.ensemble",
    "sklearn.linear_model.logistic": "sklearn.linear_model",
    "sklearn.linear_model.base": "sklearn.linear_model",
    "sklearn.preprocessing.data": "sklearn.preprocessing",
    "sklearn.preprocessing.label": "sklearn.preprocessing",
    "sklearn.feature_extraction.stop_words": "sklearn.feature_extraction.text",
    "sklearn.neighbors.base": "sklearn.neighbors",
    "sklearn.tree.tree": "sklearn.tree",
    "sklearn.svm.classes": "sklearn.svm",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.grid_search": "sklearn.model_selection",
}
_GONE = {
    "sklearn.datasets.load_boston": (
        "scikit-learn has no load_boston; use fetch_california_housing, or your own copy of the "
        "data"
    ),
    "sklearn.cross_validation": "sklearn.cross_validation is sklearn.model_selection; its classes "
    "take other arguments",
    "sklearn.preprocessing.Imputer": "use sklearn.impute.SimpleImputer",
}
_KWARGS = "stack_meta_learner_kwargs"


def sklearn_edits(code: Code, node: cst.CSTNode) -> Iterator[Finding]:
    """Yield the edits of a node for today's scikit-learn and matplotlib."""
    match node:
        case cst.ImportFrom() if not node.relative and node.module is not None:
            yield from _import_from(code, node, dotted(node.module))
        case cst.Import():
            yield from _import(code, node)
        case cst.Attribute() | cst.Name() if code.name(node) in (_JOBLIB, _MATRIX):
            yield from _use(code, node)
        case cst.Call():
            yield from _call(code, node)
        case cst.Dict():
            yield from _dict(code, node)


def _import_from(code: Code, node: cst.ImportFrom, module: str) -> Iterator[Finding]:
    if isinstance(node.names, cst.ImportStar):
        names: list[tuple[str, str | None]] = []
    else:
        names = [(dotted(alias.name), alias.evaluated_alias) for alias in node.names]
    start = code.span(node)[0]
    assert node.module is not None
    if module == _JOBLIB:
        yield Edit(*code.span(node.module), "joblib", _JOBLIB_WHAT)
    elif module == "sklearn.externals" and any(name == "joblib" for name, _ in names):
        yield _split(code, node, names, "joblib", "import joblib", _JOBLIB_WHAT)
    elif module.startswith("sklearn.externals"):
        yield Remark(start, f"scikit-learn has no {module}; install and import the package itself")
    elif module == "pandas_ml" and any(name == "ConfusionMatrix" for name, _ in names):
        new = f"from sklearn.metrics import {_DISPLAY}"
        yield _split(code, node, names, "ConfusionMatrix", new, _MATRIX_WHAT)
    elif module.split(".")[0] == "pandas_ml":
        yield Remark(start, "pandas_ml does not work with today's pandas; use scikit-learn itself")
    elif module in _MODULES:
        yield Edit(*code.span(node.module), _MODULES[module], f"{module} is {_MODULES[module]}")
    for name in (module, *(f"{module}.{name}" for name, _ in names)):
        if name in _GONE:
            yield Remark(start, _GONE[name])


def _split(
    code: Code,
    node: cst.ImportFrom,
    names: list[tuple[str, str | None]],
    old: str,
    new: str,
    what: str,
) -> Edit:
    """Take one name out of an import into a statement of its own."""
    lines = []
    for name, given in names:
        if name == old:
            lines.append(new if given is None else f"{new} as {given}")
    rest = [name if given is None else f"{name} as {given}" for name, given in names if name != old]
    if rest:
        assert node.module is not None
        lines.insert(0, f"from {dotted(node.module)} import {', '.join(rest)}")
    return replace_statement(code, node, list(dict.fromkeys(lines)), what)


def _import(code: Code, node: cst.Import) -> Iterator[Finding]:
    for alias in node.names:
        name = dotted(alias.name)
        if name == _JOBLIB:
            yield Edit(*code.span(alias.name), "joblib", _JOBLIB_WHAT)
        elif name in _MODULES and alias.evaluated_alias:
            yield Edit(*code.span(alias.name), _MODULES[name], f"{name} is {_MODULES[name]}")
        elif name == "pandas_ml":
            yield from _import_pandas_ml(code, node, alias)
        elif name in _GONE:
            yield Remark(code.span(node)[0], _GONE[name])


def _import_pandas_ml(code: Code, node: cst.Import, alias: cst.ImportAlias) -> Iterator[Finding]:
    """Replace the import where the source uses the confusion matrix alone."""
    used = {
        code.name(one)
        for one in code.nodes()
        if isinstance(one, cst.Attribute) and code.name(one).startswith("pandas_ml.")
    }
    if all(name == _MATRIX or name.startswith(f"{_MATRIX}.") for name in used):
        given = "" if alias.evaluated_alias is None else f" as {alias.evaluated_alias}"
        yield Edit(*code.span(alias), f"sklearn.metrics{given}", _MATRIX_WHAT)
    else:
        what = "pandas_ml does not work with today's pandas; use scikit-learn itself"
        yield Remark(code.span(node)[0], what)


def _use(code: Code, node: cst.Attribute | cst.Name) -> Iterator[Finding]:
    """Replace a name that is written out, or that means another thing now."""
    text = code.source(node)
    if not code.is_read(node):
        return
    if code.name(node) == _JOBLIB:
        if text.startswith("sklearn."):
            yield Edit(*code.span(node), "joblib", _JOBLIB_WHAT)
        return
    before, dot, name = text.rpartition(".")
    if name == "ConfusionMatrix":
        name = _DISPLAY
    before = "sklearn.metrics" if before == "pandas_ml" else before
    yield Edit(*code.span(node), f"{before}{dot}{name}.from_predictions", _MATRIX_WHAT)


def _call(code: Code, call: cst.Call) -> Iterator[Finding]:
    name = code.name(call.func)
    if name in (_MATRIX, _NEW_MATRIX):
        yield from _matrix(code, call, is_old=name == _MATRIX)
    elif name == "sklearn.datasets.load_boston" and isinstance(call.func, cst.Attribute):
        yield Remark(code.span(call)[0], _GONE[name])
    elif name == "sklearn.preprocessing.OneHotEncoder":
        arg = keyword(call, "sparse")
        if arg is not None and arg.keyword is not None:
            yield Edit(*code.span(arg.keyword), "sparse_output", "sparse is sparse_output")
    elif name == "sklearn.metrics.mean_squared_error":
        yield from _root(code, call)
    elif name in (
        "sklearn.linear_model.LogisticRegression",
        "sklearn.linear_model.LogisticRegressionCV",
    ):
        arg = keyword(call, "multi_class")
        if arg is not None and literal(arg.value) == "auto":
            yield remove_argument(code, call, arg, "multi_class='auto' is the only way now")
    if _draws(code, call.func):
        arg = keyword(call, "color")
        if arg is not None and literal(arg.value) == "":
            yield replace_value(code, arg, "'none'", "color='' is color='none'")


def _draws(code: Code, function: cst.BaseExpression) -> bool:
    name = code.name(function)
    if name:
        return name.startswith(("matplotlib.", "pylab."))
    return (
        isinstance(function, cst.Attribute)
        and function.attr.value in ("scatter", "plot", "bar", "hist")
        and "matplotlib" in code.imported_roots
    )


def _matrix(code: Code, call: cst.Call, is_old: bool) -> Iterator[Finding]:
    """Take arguments out of ``ConfusionMatrix(a, b)`` that scikit-learn does not have."""
    for arg in call.args:
        if is_old and arg.keyword is not None and arg.keyword.value not in _MATRIX_ARGUMENTS:
            yield remove_argument(code, call, arg, _MATRIX_WHAT)
    yield from _uses_of_matrix(code, call)


def _uses_of_matrix(code: Code, call: cst.Call) -> Iterator[Finding]:
    """Remark on methods of pandas_ml's matrix that scikit-learn's display does not have."""
    for node in code.nodes():
        if not isinstance(node, cst.Attribute):
            continue
        owner = node.value
        is_of_it = owner is call or (
            isinstance(owner, cst.Name) and code.single_value(owner) is call
        )
        if is_of_it and (node.attr.value not in _MATRIX_PARTS or _is_old_plot(code, node)):
            yield Remark(
                code.span(node)[0],
                f"pandas_ml's ConfusionMatrix.{node.attr.value} has no counterpart; use "
                "sklearn.metrics.classification_report or confusion_matrix",
            )


def _is_old_plot(code: Code, node: cst.Attribute) -> bool:
    """Whether ``.plot`` is called with arguments of pandas_ml's."""
    call = code.parent(node)
    return isinstance(call, cst.Call) and any(
        arg.keyword is None or arg.keyword.value in ("normalized", "backend") for arg in call.args
    )


def _root(code: Code, call: cst.Call) -> Iterator[Finding]:
    """``mean_squared_error(a, b, squared=False)``."""
    arg = keyword(call, "squared")
    if arg is None or not isinstance(arg.value, cst.Name) or call.lpar:
        return
    what = "mean_squared_error has no squared="
    if arg.value.value == "True":
        yield remove_argument(code, call, arg, what)
    elif arg.value.value == "False":
        start, end = code.span(call)
        yield Edit(start, start, "(", what)
        yield remove_argument(code, call, arg, what)
        yield Edit(end, end, " ** 0.5)", what)


def _dict(code: Code, node: cst.Dict) -> Iterator[Finding]:
    """``"multi_class": "auto"`` in the arguments of a stack ensemble's second level."""
    if not _is_kwargs(code, node):
        return
    for index, element in enumerate(node.elements):
        if not isinstance(element, cst.DictElement):
            continue
        if literal(element.key) == "multi_class" and literal(element.value) == "auto":
            what = "multi_class='auto' is the only way now"
            yield remove_item(code, node.elements, index, what)


def _is_kwargs(code: Code, node: cst.Dict) -> bool:
    around = code.parent(node)
    match around:
        case cst.Arg(keyword=cst.Name(value=name)):
            return name == _KWARGS
        case cst.DictElement():
            return literal(around.key) == _KWARGS
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
            return name.endswith("kwargs") and _KWARGS in code.text
    return False
