"""``python -m corten``: the command line."""

import sys

from corten.cli import main

if __name__ == "__main__":
    sys.exit(main())
