"""`python -m amlab` is the command line.

Knows nothing of: commands.
"""

import sys

from amlab.dbg.cli import main

if __name__ == "__main__":
    sys.exit(main())
