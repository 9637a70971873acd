"""Names of the packages interpret-community and raiwidgets, which explanations were made with."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.code import Code, dotted
from engine.migration.edits import Edit, Finding

_SURROGATES = "engine.azureml.interpret.mimic.models.lightgbm_model"
_DASHBOARD = "engine.azureml.interpret.visualize"
#: Module -> the module here that has its names, and those names.
_MODULES = {
    "interpret.ext.glassbox": (
        _SURROGATES,
        {
            "DecisionTreeExplainableModel",
            "LGBMExplainableModel",
            "LinearExplainableModel",
            "SGDExplainableModel",
        },
    ),
    "interpret_community.mimic.models.lightgbm_model": (_SURROGATES, {"LGBMExplainableModel"}),
    "interpret_community.widget": (_DASHBOARD, {"ExplanationDashboard"}),
    "raiwidgets": (_DASHBOARD, {"ExplanationDashboard"}),
}


def interpret_edits(code: Code, node: cst.CSTNode) -> Iterator[Finding]:
    """Yield the edit of an import whose names `engine.azureml.interpret` has, all of them."""
    if not isinstance(node, cst.ImportFrom) or node.relative or node.module is None:
        return
    module = dotted(node.module)
    if module not in _MODULES or isinstance(node.names, cst.ImportStar):
        return
    new, names = _MODULES[module]
    if {dotted(alias.name) for alias in node.names} <= names:
        yield Edit(*code.span(node.module), new, f"{module} is {new}")
