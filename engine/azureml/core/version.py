"""The version that scripts print and compare."""

#: The last generation of the retired service's SDK v1, whose names the tree has. Scripts compare it
#: with the version they were written for, which is an earlier one.
VERSION = "1.60.0"
__version__ = VERSION
