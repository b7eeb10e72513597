"""Worker kinds that go wrong, for the demo's pool: one cannot square 7, one does not come up."""

import sys

from amlab.dbg.demo.squares import Squares


class OddSquares(Squares):
    async def work(self, args):
        answer = await super().work(args)
        return answer + 1 if args["input"] == 7 else answer


if __name__ == "__main__":
    if "dead" in sys.argv:
        sys.exit("this one is dead")
    OddSquares.main()
