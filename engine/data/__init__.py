from engine.data.check import check_data
from engine.data.dataset import Dataset, DataSummary, Fold, Matrix
from engine.data.files import read_table

__all__ = ["DataSummary", "Dataset", "Fold", "Matrix", "check_data", "read_table"]
