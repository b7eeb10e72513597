"""Worker kinds that go wrong, for the demo's pool: told by `-m tests.dbg.demo.odd_squares [HOW [FILE]]`.

without        cannot square 7
dead           does not come up
last FILE      dies of 3, and leaves a file that lets no other one come up
"""

import os
import sys
from pathlib import Path

from amlab.dbg.demo.squares import Squares


class OddSquares(Squares):
    async def work(self, args):
        answer = await super().work(args)
        return answer + 1 if args["input"] == 7 else answer


class LastSquares(Squares):
    async def work(self, args):
        if args["input"] == 3:
            self.end()
        return await super().work(args)

    def end(self):
        Path(sys.argv[2]).touch()
        os._exit(3)


if __name__ == "__main__":
    if "dead" in sys.argv or ("last" in sys.argv and Path(sys.argv[2]).exists()):
        sys.exit("this one is dead")
    (LastSquares if "last" in sys.argv else OddSquares).main()
