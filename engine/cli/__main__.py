"""``python -m engine.cli``: the command ``raysmith``."""

import sys

from engine.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
