from engine.data.check import check_data
from engine.data.dataset import Dataset, DataSummary, Fold, Matrix

__all__ = ["DataSummary", "Dataset", "Fold", "Matrix", "check_data"]
