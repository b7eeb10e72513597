"""The proof in both directions: what fits only one connection, and what is named when it does not fit."""

import pytest

from amlab.core.rpc.auth import Access, Credential, Nonces, Role, Transcript, client_mac, role_key, server_mac
from amlab.core.rpc.calling import ClientConnection
from amlab.core.rpc.connection import State
from amlab.core.rpc.events import Closed, Opened, Proved
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import FrameDecoder, encode_frame
from amlab.errors import LocalProtocolError, RemoteProtocolError, UsageError
from tests.core.rpc.pair import OTHER, SECRET, Pair, client, server

SCRIPT = Transcript(1, "c", "s", b"s" * 16, 2, b"1" * 32, b"2" * 32, b"")


def closed(events):
    found = [e for e in events if type(e) is Closed]
    assert len(found) == 1
    assert events[-1] is found[0]
    return found[0]


def joined(c, s):
    pair = Pair(c, s)
    pair.pump()
    return pair


def test_every_field_of_the_transcript_changes_both_proofs():
    key = role_key(SECRET, Role.MUTATE)
    others = [
        SCRIPT._replace(version=2), SCRIPT._replace(client_id="d"), SCRIPT._replace(server_id="t"),
        SCRIPT._replace(session=b"t" * 16), SCRIPT._replace(role=3), SCRIPT._replace(client_nonce=b"3" * 32),
        SCRIPT._replace(server_nonce=b"3" * 32), SCRIPT._replace(binding=b"x"),
        SCRIPT._replace(client_id="", server_id="cs"),
    ]  # fmt: skip
    macs = {mac(key, t) for mac in (client_mac, server_mac) for t in (SCRIPT, *others)}
    assert len(macs) == 2 * (1 + len(others))


def test_keys_of_roles_differ_and_do_not_give_the_secret_away():
    keys = {role_key(SECRET, role) for role in Role}
    assert len(keys) == 3
    assert SECRET not in keys
    assert SECRET.decode() not in repr(Access(SECRET)) + repr(Credential.from_secret(SECRET))


def test_a_short_secret_is_refused_where_it_is_given():
    for made in (lambda: Access(b"short"), lambda: Credential.from_secret(b"short")):
        with pytest.raises(UsageError, match="16 random bytes or more, given were 5"):
            made()


def test_both_sides_open_when_they_share_the_secret():
    pair = joined(client(), server())
    assert pair.client.state is State.OPEN
    assert pair.server.state is State.OPEN
    assert pair.events(Proved)[0][:3] == ("client", b"s" * 16, Role.MUTATE)
    assert pair.events(Opened)[0].machine_id == "server"


def test_a_wrong_secret_is_named_on_both_sides_and_opens_neither():
    pair = joined(client(secret=OTHER), server())
    there, here = closed(pair.of_server), closed(pair.of_client)
    assert there.fault == here.fault == Fault.WRONG_SECRET
    assert isinstance(there.error, RemoteProtocolError)
    assert isinstance(here.error, LocalProtocolError)
    assert here.is_by_peer
    assert "'client' could not prove" in there.text
    assert not pair.events(Proved)


def test_a_server_without_the_secret_is_found_out_by_the_client():
    c, s = client(), server()
    s._access = Access(OTHER)
    pair = Pair(c, s)
    pair.to_server(c.data_to_send())
    pair.to_client(s.data_to_send())
    c.data_to_send()
    liar = (4, b"m" * 32, 2, b"", b"\x80", ["Exception"], [0], 1, 0, 5, 1 << 20, 100)
    pair.to_client(encode_frame(liar, 1 << 20))
    assert closed(pair.of_client).fault == Fault.WRONG_SECRET
    assert "server 'server' could not prove" in c.error.message


def test_the_key_of_a_lower_role_proves_no_higher_one():
    key = role_key(SECRET, Role.READ_ONLY)
    made = [
        ClientConnection("client", Credential(role, key), nonce=b"c" * 32, session=b"s" * 16, now=0.0) for role in Role
    ]
    assert [joined(c, server()).server.state for c in made] == [State.OPEN, State.FAILED, State.FAILED]


@pytest.mark.parametrize(
    ("access", "wanted", "granted"),
    [
        (Access(SECRET), Role.ADMIN, Role.ADMIN),
        (Access(SECRET, max_role=Role.MUTATE), Role.ADMIN, Role.MUTATE),
        (Access(SECRET, roles={"client": Role.READ_ONLY}), Role.ADMIN, Role.READ_ONLY),
        (Access(SECRET, roles={"client": Role.ADMIN}), Role.MUTATE, Role.MUTATE),
        (Access(SECRET, allow_ids=frozenset({"client"})), Role.MUTATE, Role.MUTATE),
    ],
)
def test_a_client_gets_the_least_of_what_it_wants_and_what_rules_allow(access, wanted, granted):
    pair = joined(client(role=wanted), server(access=access))
    assert pair.client.role is pair.server.role is granted


def test_an_id_that_is_not_allowed_is_denied_after_its_proof_and_told_so():
    pair = joined(client(), server(access=Access(SECRET, allow_ids=frozenset({"other"}))))
    assert closed(pair.of_server).fault == closed(pair.of_client).fault == Fault.DENIED
    assert "client 'client' may not connect here" in pair.client.error.message


def test_without_the_secret_one_does_not_learn_who_is_allowed():
    for allowed in ("client", "other"):
        pair = joined(client(secret=OTHER), server(access=Access(SECRET, allow_ids=frozenset({allowed}))))
        assert closed(pair.of_server).fault == Fault.WRONG_SECRET


def recorded():
    """What a client sent in a handshake that went well."""
    c, s = client(), server()
    pair = Pair(c, s)
    hello = c.data_to_send()
    pair.to_server(hello)
    pair.to_client(s.data_to_send())
    return hello, c.data_to_send()


def test_a_replayed_hello_is_named_by_a_server_that_remembers():
    hello, _ = recorded()
    nonces = Nonces()
    assert joined_raw(server(nonces=nonces), hello).state is State.PROVING
    again = server(nonces=nonces, nonce=b"m" * 32)
    events = again.receive_data(hello, 0.0)
    assert closed(events).fault == Fault.REPLAY


def joined_raw(s, *parts):
    for part in parts:
        s.receive_data(part, 0.0)
    return s


def test_a_replayed_conversation_proves_nothing_even_to_a_server_that_forgot():
    hello, proof = recorded()
    again = server(nonce=b"m" * 32)
    again.receive_data(hello, 0.0)
    assert closed(again.receive_data(proof, 0.0)).fault == Fault.WRONG_SECRET


def test_a_nonce_that_comes_back_is_a_reflection():
    c = client(nonce=b"x" * 32)
    assert closed(c.receive_data(encode_frame((2, "amlab", 1, "server", b"x" * 32), 999), 0.0)).fault == Fault.REPLAY


def test_a_proof_that_comes_back_is_no_proof_of_the_other_side():
    c, s = client(), server()
    pair = Pair(c, s)
    pair.to_server(c.data_to_send())
    pair.to_client(s.data_to_send())
    own = c.data_to_send()
    mac = own[own.index(b"\xc4\x20") + 2 :][:32]
    liar = (4, mac, 2, b"", b"\x80", ["Exception"], [0], 1, 0, 5, 1 << 20, 100)
    pair.to_client(encode_frame(liar, 1 << 20))
    assert closed(pair.of_client).fault == Fault.WRONG_SECRET


def test_a_client_that_expects_one_server_takes_no_other():
    pair = joined(client(expect_id="w1"), server())
    assert closed(pair.of_client).fault == Fault.DENIED
    assert joined(client(expect_id="server"), server()).client.state is State.OPEN


def test_a_man_in_the_middle_changes_the_binding_and_nobody_opens():
    pair = joined(client(binding=b"his certificate"), server(binding=b"my certificate"))
    assert closed(pair.of_server).fault == Fault.WRONG_SECRET
    assert joined(client(binding=b"mine"), server(binding=b"mine")).client.state is State.OPEN


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_named_whatever_else_its_hello_holds(version):
    for rest in ((), ("id",), ("id", b"s" * 16, b"n" * 32, 2, {}, [])):
        s = server()
        event = closed(s.receive_data(encode_frame((1, "amlab", version, *rest), 999), 0.0))
        assert event.fault == Fault.VERSION
        assert f"speaks protocol version {version}, this side 1" in event.text
        c = client()
        c.data_to_send()
        c.receive_data(s.data_to_send(), 0.0)
        assert c.error.fault == Fault.VERSION
    c = client()
    assert closed(c.receive_data(encode_frame((2, "amlab", version), 999), 0.0)).fault == Fault.VERSION


@pytest.mark.parametrize("fields", [{2: [1]}, {3: [None]}, {5: -1}, {5: 10**9}, {6: 100}], ids=str)
def test_a_proven_client_that_wants_nonsense_is_refused(fields):
    c, s = client(), server()
    pair = Pair(c, s)
    pair.to_server(c.data_to_send())
    pair.to_client(s.data_to_send())
    decoder = FrameDecoder(1 << 16, 999)
    decoder.feed(c.data_to_send())
    body = decoder.take()
    for at, value in fields.items():
        body[at + 1] = value
    pair.to_server(encode_frame(body, 1 << 16))
    assert closed(pair.of_server).fault == Fault.BAD_MESSAGE


def test_remembered_nonces_are_bounded():
    nonces = Nonces(limit=10)
    for i in range(100):
        nonces.note(bytes([i]))
    assert len(nonces._seen) == 10
    with pytest.raises(RemoteProtocolError):
        nonces.note(bytes([99]))
    nonces.note(bytes([1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: client(nonce=b"x"), lambda: client(session=b"x"), lambda: client(client_id=""),
        lambda: client(client_id="ü" * 200), lambda: server(nonce=b"x"), lambda: server(server_id=""),
    ],
)  # fmt: skip
def test_ids_and_nonces_of_the_wrong_size_are_refused_where_they_are_given(make):
    with pytest.raises(UsageError, match="given were"):
        make()
