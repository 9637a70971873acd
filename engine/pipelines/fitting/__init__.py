"""Fitting: early stopping of boosters, and fits of forests and networks within a time limit."""
