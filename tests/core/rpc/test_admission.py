"""Who gets a seat, who has to leave it, and who is turned away."""

import pytest

from amlab.core.rpc.admission import Admission
from amlab.core.rpc.faults import Fault
from amlab.errors import RemoteProtocolError
from tests.core.rpc.pair import Pair, client, server


def proven(client_id="a", session=b"s" * 16, now=0.0):
    pair = Pair(client(now, client_id=client_id, session=session), server(now))
    pair.now = now
    pair.pump()
    return pair.server


def refused(call):
    with pytest.raises(RemoteProtocolError) as e:
        call()
    return e.value.fault


def test_a_server_serves_one_client_and_a_mux_many():
    one, many = Admission(), Admission(max_clients=3)
    for seats, count in ((one, 1), (many, 3)):
        for i in range(count):
            assert seats.prove(proven(f"c{i}"), 0.0) is None
        assert refused(lambda seats=seats: seats.prove(proven("more"), 0.0)) == Fault.BUSY
        assert len(seats.clients) == count


def test_a_seat_is_free_again_when_its_connection_ends():
    seats = Admission()
    first = proven("a")
    seats.prove(first, 0.0)
    seats.leave(first)
    seats.leave(first)
    assert seats.prove(proven("b"), 0.0) is None


def test_a_client_that_lost_its_connection_replaces_it_and_the_late_end_of_the_old_one_does_no_harm():
    seats = Admission()
    old, new = proven(), proven()
    seats.prove(old, 0.0)
    assert seats.prove(new, 0.0) is old
    seats.leave(old)
    assert seats.clients == {"a": new}
    assert seats.prove(new, 0.0) is None


def test_another_client_takes_an_id_only_when_its_holder_is_silent_or_gone():
    seats = Admission(takeover_s=15)
    old = proven(session=b"1" * 16)
    seats.prove(old, 0.0)
    other = proven(session=b"2" * 16)
    assert refused(lambda: seats.prove(other, 14.0)) == Fault.BUSY
    assert seats.clients["a"] is old
    assert seats.prove(other, 15.0) is old
    third = proven(session=b"3" * 16, now=15.0)
    other.receive_eof(15.0)
    assert seats.prove(third, 15.0) is other


def test_unproven_connections_are_bounded_at_once_and_by_rate():
    seats = Admission(max_greeting=3, greets_per_s=10, greets_burst=5)
    made = [proven(f"c{i}") for i in range(10)]
    for i in range(3):
        seats.greet(made[i], f"10.0.0.{i}", 0.0)
    assert refused(lambda: seats.greet(made[3], "10.0.0.9", 0.0)) == Fault.BUSY
    seats.leave(made[0])
    seats.greet(made[3], "10.0.0.9", 0.0)
    seats.prove(made[1], 0.0)
    seats.greet(made[4], "10.0.0.8", 0.0)
    for connection in made:
        seats.leave(connection)
    for _ in range(5):
        seats.greet(made[5], "flooder", 0.0)
        seats.leave(made[5])
    assert refused(lambda: seats.greet(made[5], "flooder", 0.0)) == Fault.FLOOD
    seats.greet(made[6], "someone else", 0.0)
    seats.greet(made[5], "flooder", 0.2)


def test_addresses_remembered_are_bounded():
    seats = Admission(max_greeting=10**6)
    connection = proven()
    for i in range(3000):
        seats.greet(connection, str(i), 0.0)
    assert len(seats._buckets) == 1024
