"""HTTP/2 (RFC 9113) on any wire: the `h2` library is the state machine, all around it is ours.

`frames` cuts octets into frames and refuses what no state can mend; `manners` counts what a peer costs without asking
for anything; `machine` is h2 as far as we use it; `reading` hears what frames mean; `head` translates between fields
and HTTP/1.1's words, so that one policy holds for both versions. `requests` makes exchanges of what comes, `stream` is
one of them and what waits to be sent of its reply, `turns` picks who sends next and `sending` lets it. `connection` is
one connection: its owner, and how it serves; `clocks` says which waits are too long, `ending` how it ends; `succeeding`
says which connections are HTTP/2's.
"""
