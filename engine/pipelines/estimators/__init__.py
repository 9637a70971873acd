"""Estimators: scikit-learn estimators that no library has in the form that is needed."""
