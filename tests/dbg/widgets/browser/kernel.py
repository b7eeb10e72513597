"""A page joined to a desk in Python, as a notebook's page is to its kernel, without a notebook."""

from amlab.dbg.widgets.desk import Desk


def join(page, session):
    """Replaces what the page holds by answers of a desk; gives the list of what was asked."""
    desk = Desk(session)
    asked = []

    def answer(kind, what):
        asked.append((kind, what))
        found = desk.answer(kind, what)
        return None if found is None else [found[0], found[1]]

    page.expose_function("pythonAnswers", answer)
    page.evaluate(
        """() => {
          const desk = document.querySelector('.amlab').__view.desk;
          desk.channels.clear();
          desk.channels.add({ request: async (kind, what) => {
            const found = await globalThis.pythonAnswers(kind, what);
            if (found) desk.receive(found[0], found[1]);
          } });
          desk.graphs?.clear();
          desk.emit('status');
        }"""
    )
    return asked
