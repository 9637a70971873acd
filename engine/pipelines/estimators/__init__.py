"""Estimators that raysmith adds to those of the libraries, and wrappers around theirs."""
