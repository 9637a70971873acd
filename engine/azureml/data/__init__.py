"""Data sets, datastores and references to files, by the names of SDK v1."""

from engine.azureml.lazy_package import lazy_package

_DATA = "engine.azureml.data"

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "DataType": f"{_DATA}.dataset_factory",
        "FileDataset": f"{_DATA}.file_dataset",
        "OutputFileDatasetConfig": f"{_DATA}.output_dataset_config",
        "TabularDataset": f"{_DATA}.tabular_dataset",
    },
)
