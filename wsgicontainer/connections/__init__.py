"""Connections as sockets: the nested epoll set, who owns a connection, and the wires that carry its bytes.

`ownership` is the law; `nest` the set; `socketwire` a plain socket in it; `transportwire` any other Twisted transport;
`door` accepts from a plain port, `taking` from any of Twisted's endpoints; `outgoing` is what peers have not taken,
`overflow` the same on disk; `roll` knows every open connection, its clock and its end.
"""
