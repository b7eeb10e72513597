"""From a session to its views, and what is said where widgets are not installed."""

import subprocess
import sys

import pytest

from amlab.dbg.session.factories import Factories
from amlab.dbg.session.ways_in import WaysIn
from amlab.dbg.widgets.desk import Desk
from tests.dbg.session.samples import small
from tests.dbg.view.still.sessions import shipped
from tests.test_layers import ROOT


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_session_offers_what_a_desk_offers():
    offered = {name for name in vars(Factories) if not name.startswith("_")}
    assert issubclass(WaysIn, Factories)
    assert issubclass(Desk, Factories)
    for name in offered:
        assert getattr(WaysIn, name) is getattr(Desk, name)
        assert getattr(Factories, name).__doc__


def test_opening_a_session_loads_no_widgets():
    code = (
        "import sys\nfrom amlab.dbg import Session\n"
        "s = Session.open('exports/node-payload.msgpack.br'); repr(s); s.transitions\n"
        "heavy = ['anywidget', 'traitlets', 'ipywidgets', 'IPython', 'PIL', 'amlab.dbg.widgets', 'amlab.dbg.view']\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize("missing", ["anywidget", "traitlets"])
def test_without_widgets_views_say_how_to_install_them_and_the_summary_still_shows(missing):
    code = (
        f"import sys\nsys.modules['{missing}'] = None\n"
        "from amlab.dbg import Session\nfrom amlab.errors import UsageError\n"
        "s = Session.open('exports/node-payload.msgpack.br')\n"
        "try:\n    s.transport()\nexcept UsageError as err:\n    print(err)\n"
        "b = s._repr_mimebundle_()\nprint('img' in b['text/html'], b['text/plain'].splitlines()[0])\n"
        "s.to_html(sys.argv[1] if len(sys.argv) > 1 else '/dev/null', 'transport')"
    )
    first, second = run(code).splitlines()
    assert first == f"Views need {missing}, which is not installed: pip install 'amlab[notebook]'"
    session = shipped("node-payload")
    total = len(session.transitions)
    assert second == f"True node-payload.msgpack.br: {len(session.machines)} machines, {total:,} records"


def test_without_pillow_a_session_shows_a_drawing():
    code = (
        "import sys\nsys.modules['PIL'] = None\nsys.modules['PIL.ImageFont'] = None\n"
        "from amlab.dbg import Session\n"
        "s = Session.open('exports/node-payload.msgpack.br')\n"
        "print('data:image/svg+xml;base64' in s._repr_mimebundle_()['text/html'])\n"
        "print(sorted(s.transport()._repr_mimebundle_()[0]))"
    )
    assert run(code).splitlines() == ["True", "['application/vnd.jupyter.widget-view+json', 'text/html', 'text/plain']"]


def test_pictures_load_no_widgets():
    code = (
        "import sys\nfrom amlab.dbg import Session\nfrom amlab.dbg.view.still import still_of\n"
        "still_of(Session.open('exports/node-payload.msgpack.br')).png\n"
        "print([m for m in ('anywidget', 'traitlets', 'ipywidgets', 'IPython') if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_the_debugger_and_views_are_asked_for_by_name():
    session = small()
    made = session.transport(at="mach://root/r1", height=120)
    assert made.kind == "transport"
    assert session.desk.tx.id == "r1"
