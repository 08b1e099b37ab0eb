"""Connections as sockets: the nested epoll set, who owns a connection, and the wires that carry its bytes.

`ownership` is the law; `nest` the set; `socketwire` a plain socket in it; `transportwire` any other Twisted transport;
`taking` the protocol factory that Twisted's endpoints call; `roll` knows every open connection, its clock and its end.
"""
