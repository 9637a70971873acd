"""Pipelines: specifications, and scikit-learn pipelines built and fitted from them.

`spec.PipelineSpec` names a pipeline, `build.build_pipeline` makes it, `catalogue` lists estimators
and scalers. The room may import `engine.data`, `engine.metrics` and `engine.errors`.
"""
