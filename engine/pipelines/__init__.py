"""Pipelines: specifications, and scikit-learn pipelines built and fitted from them.

`spec.PipelineSpec` names a pipeline, `build.build_pipeline` makes it, `catalogue` lists estimators
and scalers, `libraries` holds what is particular to each boosting library. The room may import
`engine.data`, `engine.metrics`, `engine.errors` and `engine.deadline`.
"""
