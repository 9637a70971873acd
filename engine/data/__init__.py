from engine.data.check import check_data, check_features
from engine.data.dataset import Dataset, DataSummary, Fold, Layout, Matrix, rows_of
from engine.data.files import read_table

__all__ = [
    "DataSummary",
    "Dataset",
    "Fold",
    "Layout",
    "Matrix",
    "check_data",
    "check_features",
    "read_table",
    "rows_of",
]
