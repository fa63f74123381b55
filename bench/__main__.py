"""python -m bench: see bench/speed.py."""

import sys

from bench.speed import main

if __name__ == "__main__":
    sys.exit(main())
