"""The data of the example: runs on the node that trains, once per node and run."""

from sklearn import datasets


def get_data():
    digits = datasets.load_digits()
    return {"X": digits.data[10:, :], "y": digits.target[10:]}
