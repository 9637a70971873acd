"""Command line: the command `raysmith`.

`parser` reads arguments, `commands` and `doctor` act on them. The room may import all others.
"""
