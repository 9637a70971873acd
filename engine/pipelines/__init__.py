from engine.pipelines.build import PipelineSpec, build_pipeline
from engine.pipelines.catalogue import CLASSIFIERS, REGRESSORS, estimators_of

__all__ = ["CLASSIFIERS", "REGRESSORS", "PipelineSpec", "build_pipeline", "estimators_of"]
