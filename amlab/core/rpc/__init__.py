"""RPC between machines (aRPC): a protocol without input or output, for both sides, and what runs it.

    faults        what can go wrong, each with a name, an error state, and whether to try again
    limits        what one connection may cost
    frames        length and msgpack array; bytes in pieces, measured before anything is built
    values        what may cross as arguments and payloads, and how it looks
    failure       an exception of the other side, with its chain of causes
    messages      the kinds of messages and their fields
    auth          proof of a secret in both directions, roles, who may connect
    diff          clock changes with a checksum
    schema_data   a schema's hash, data, and the part that is followed
    payloads      one payload in chunks; `transfers`: all of a connection
    events        what a connection tells its owner
    connection    states, time and what both sides share
    calling       the client's side; `following`: what it knows of the machine
    serving       the server's side; `telling`: what it tells of the machine; `answers`: given lately
    admission     which connections a server or mux takes
    backoff       when and where to try again

All of these are pure: no sockets, no event loop, no clock, no randomness of their own.  What runs them:

    network       streams by address: TCP, TLS, unix sockets; `memory`: in memory; `tls`: TLS from files
    link          a connection on a stream
    watch         tells who follows a machine that it changed
    seat          one client as it is served; `port`: an open port with its seats
    server        serves a machine to one client; `mux`: to many; `served`: what they tell in states
    client        follows a machine elsewhere, and connects again
    asking        what it has asked there; `sending`: payloads that it sends there
    netmachine    its copy here; `mirror`: that copy as tracers see it
    delivery      payloads on their way
"""
