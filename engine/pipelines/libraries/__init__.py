"""Booster libraries: the particulars of each gradient boosting library.

`library.BoosterLibrary` is the contract, `registry.library_of` finds the library of an estimator;
each library has a file of its own. Importing the room imports none of the libraries.
"""
