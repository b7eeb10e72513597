"""The visual language: readable, and never by colour alone."""

from itertools import combinations

from amlab.dbg.view.labels import columns, cut_middle, printable, text_width, wrapped
from amlab.dbg.view.links import drawing_of
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node
from amlab.dbg.view.palette import EDGE_STYLES, INK, LOOK_STYLES, LOUD, MUTED, PAPER, Look, edge_style, look_of


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_can_be_read_on_their_ground_in_light_and_dark():
    for look, style in LOOK_STYLES.items():
        assert contrast(style.text.light, style.fill.light) >= 4.5, look
        assert contrast(style.text.dark, style.fill.dark) >= 4.5, look
    for colour in (INK, MUTED, LOUD):
        assert contrast(colour.light, PAPER.light) >= 4.5
        assert contrast(colour.dark, PAPER.dark) >= 4.5


def test_lines_can_be_seen_on_paper_in_light_and_dark():
    lines = [s.line for s in LOOK_STYLES.values()] + [s.line for s in EDGE_STYLES.values()]
    for colour in lines:
        assert contrast(colour.light, PAPER.light) >= 3.0, colour
        assert contrast(colour.dark, PAPER.dark) >= 3.0, colour


def test_looks_and_relations_differ_in_more_than_colour():
    marked = [look for look in Look if look not in {Look.PLAIN, Look.ONE_OF}]
    assert len({LOOK_STYLES[look].mark for look in marked}) == len(marked)
    relations = [EdgeKind.REQUIRE, EdgeKind.ADD, EdgeKind.REMOVE, EdgeKind.AFTER]
    for a, b in combinations(relations, 2):
        assert EDGE_STYLES[a].head is not EDGE_STYLES[b].head
    network = [EdgeKind.PARENT, EdgeKind.PIPE, EdgeKind.CAUSE]
    for a, b in combinations(network, 2):
        assert (EDGE_STYLES[a].head, EDGE_STYLES[a].dash) != (EDGE_STYLES[b].head, EDGE_STYLES[b].dash)
    assert set(LOOK_STYLES) == set(Look)
    assert set(EDGE_STYLES) == set(EdgeKind)


def test_what_happened_goes_before_what_is():
    assert look_of(Node("a", "a")) is Look.PLAIN
    assert look_of(Node("a", "a", is_active=True)) is Look.ACTIVE
    assert look_of(Node("a", "a", is_active=True, is_entering=True)) is Look.ENTERING
    assert look_of(Node("a", "a", is_active=False, is_leaving=True)) is Look.LEAVING
    assert look_of(Node("a", "a", is_active=False, is_refused=True)) is Look.REFUSED
    assert edge_style(Edge("a", "b", EdgeKind.ADD)) is EDGE_STYLES[EdgeKind.ADD]


def graph(**removes):
    nodes = tuple(Node(name, name) for name in removes)
    edges = tuple(Edge(a, b, EdgeKind.REMOVE) for a, others in removes.items() for b in others)
    return Graph("t", nodes, edges)


def test_two_that_remove_each_other_share_a_line_and_three_a_node():
    pair = drawing_of(graph(A="B", B="A"))
    assert [(link.is_both, len(link.edges)) for link in pair.links] == [(True, 2)]
    three = drawing_of(graph(A="BC", B="AC", C="AB"))
    assert len(three.nodes) == 4
    assert len(three.links) == 3
    assert three.nodes[3].doc == "one at a time, each removes the others: A, B, C"


def test_states_that_also_exclude_others_keep_their_lines():
    drawing = drawing_of(graph(A="BCD", B="AC", C="AB", D="A"))
    assert len(drawing.nodes) == 4
    assert sum(len(link.edges) for link in drawing.links) == 8
    apart = drawing_of(graph(A="BC", B="AC", C="AB"), is_joined=False)
    assert len(apart.links) == 6


def test_labels_are_printable_cut_in_the_middle_and_measured():
    assert printable("a\nb\u202ec\ud800") == "a\\nb\\u202ec\\ud800"
    assert cut_middle("abcdefghij", 7) == "abc…hij"
    assert cut_middle("abc", 3) == "abc"
    assert text_width("Wide", 10) > text_width("thin", 10) > 0
    assert text_width("a", 10, is_bold=True) > text_width("a", 10)
    assert columns("日本e\u0301") == 5
    assert wrapped("one two three", text_width("one two", 12), 12) == ["one two", "three"]
    assert wrapped("", 100, 12) == [""]
    pieces = wrapped("x" * 100, 60, 12)
    assert "".join(pieces) == "x" * 100
    assert all(text_width(p, 12) <= 60 for p in pieces)
