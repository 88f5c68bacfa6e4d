"""`python -m hardsnap`: the command line."""

import sys

from hardsnap._hardsnap import run_command_line

if __name__ == "__main__":
    sys.exit(run_command_line(sys.argv[1:]))
