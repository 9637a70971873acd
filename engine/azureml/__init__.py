"""The module tree of the retired service's SDK v1: names, argument orders, leniency, return types.

`import azureml.X` becomes `from engine import azureml`, and `from azureml.X import Y` becomes
`from engine.azureml.X import Y`. The classes are subclasses of those in `engine.client` and
`cluster`, which hold all behaviour. The room may import everything below `engine.migration`.
"""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__)
