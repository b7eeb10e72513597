"""A kitchen of three machines: a parent, two piped children, a refusal and an error.

The kitchen is ready while oven and mixer are; the mixer refuses while its lid is off, and the oven burns
one cake.  Small enough to read, and everything that a debugger shows is in it.

Knows nothing of: recording.
"""

from __future__ import annotations

from amlab.core.machine.declare import States
from amlab.core.machine.event import Event
from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Result
from amlab.core.machine.pipes import pipe, pipe_error
from amlab.core.machine.state import Group, State
from amlab.errors import AmlabError

__all__ = ["Kitchen", "Mixer", "Oven", "bake"]


class BurntError(AmlabError):
    """A cake that stayed in too long."""


class Oven(States):
    """An oven heats up by itself once it is on."""

    On = State()
    """Switched on."""
    Hot = State(auto=True, require=On)
    """At temperature; comes by itself."""
    Baking = State(require=Hot, multi=True)
    """A cake is in."""


class Mixer(States):
    """A mixer runs only with its lid on."""

    LidOn = State(remove="LidOff")
    """Closed."""
    LidOff = State(remove=LidOn)
    """Open: nothing may turn."""
    Mixing = State(require=LidOn)
    """Turning."""


class Kitchen(States):
    """A kitchen, as far as oven and mixer let it."""

    Open = State()
    """Somebody is here."""
    OvenHot = State()
    """Piped from the oven."""
    Mixing = State()
    """Piped from the mixer."""
    Ready = State(auto=True, require=(Open, OvenHot))
    """Orders can be taken."""
    Order = State(require=Ready, multi=True)
    """One cake is wanted."""
    Work = Group(Order, Mixing)


class OvenWork:
    """What the oven does."""

    def BakingEnter(self, e: Event) -> bool:
        """No cake without a time; an order that tells none is an error."""
        return bool(e.args["minutes"] > 0)

    def BakingState(self, e: Event) -> None:
        """Bakes, or burns."""
        if e.args.get("minutes", 0) > 60:
            raise BurntError(f"{e.args['cake']} burnt after {e.args['minutes']} minutes", cake=e.args["cake"])


class MixerWork:
    """What the mixer minds."""

    def LidOffEnter(self, e: Event) -> bool:
        """The lid stays on while it turns."""
        return not e.machine.is_("Mixing")


class KitchenWork:
    """How an order is carried out."""

    def __init__(self, oven: Machine, mixer: Machine) -> None:
        self.oven, self.mixer = oven, mixer

    def OrderState(self, e: Event) -> None:
        """Mixes, then bakes."""
        self.mixer.add(Mixer.Mixing, source=e)
        self.mixer.add(Mixer.LidOff, source=e)  # refused: it still turns
        self.mixer.remove(Mixer.Mixing, source=e)
        self.oven.add(Oven.Baking, args=dict(e.args), source=e)


class Bakery:
    """The machines, wired."""

    def __init__(self) -> None:
        self.kitchen = Machine(Kitchen, "kitchen", log_level=LogLevel.OPS)
        self.oven = Machine(Oven, "oven", parent=self.kitchen, handlers=OvenWork(), log_level=LogLevel.OPS)
        self.mixer = Machine(Mixer, "mixer", parent=self.kitchen, handlers=MixerWork(), log_level=LogLevel.OPS)
        self.kitchen.bind_handlers(KitchenWork(self.oven, self.mixer))
        pipe(self.oven, Oven.Hot, self.kitchen, Kitchen.OvenHot)
        pipe(self.mixer, Mixer.Mixing, self.kitchen, Kitchen.Mixing)
        pipe_error(self.oven, self.kitchen)

    @property
    def machines(self) -> tuple[Machine, Machine, Machine]:
        """Parent first."""
        return self.kitchen, self.oven, self.mixer

    def dispose(self) -> None:
        """Ends all of them."""
        for machine in reversed(self.machines):
            machine.dispose()


def bake(bakery: Bakery, cakes: int = 3) -> list[Result]:
    """A day in the kitchen: an order too early, some cakes, and one that burns."""
    kitchen, oven, mixer = bakery.machines
    results = [kitchen.add(Kitchen.Open), kitchen.add(Kitchen.Order, args={"cake": "too early"})]
    mixer.add(Mixer.LidOn)
    oven.add(Oven.On)
    results += [
        kitchen.add(Kitchen.Order, args={"cake": f"cake {number}", "minutes": 40}) for number in range(1, cakes + 1)
    ]
    results.append(kitchen.add(Kitchen.Order, args={"cake": "forgotten", "minutes": 90}))
    kitchen.remove("Exception")
    oven.remove("Exception")
    oven.remove(Oven.On)
    results.append(kitchen.add(Kitchen.Order, args={"cake": "too late"}))
    return results
