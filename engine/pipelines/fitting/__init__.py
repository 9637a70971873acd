"""Fitting: early stopping of boosting, and fits within a time limit."""
