"""The command ``raysmith``, as ``python -m engine.cli``."""

import sys

from engine.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
