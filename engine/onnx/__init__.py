"""ONNX: fitted pipelines as ONNX graphs.

`convert.to_onnx` and `convert.onnx_inputs` are public. The room may import `engine.ensembles`,
`engine.pipelines` and what stands below them.
"""
