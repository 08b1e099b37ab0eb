"""TLS by name: which certificate a client gets, and the contexts that present it.

`names` reads server names and file names; `pem` a file's key and certificates; `contexts` builds whole `ssl` contexts,
and the front one that looks up names; `certificates` is the index of a folder, renewed while it is served; `ports` all
of that for one server; `clients` words what a client's certificate says. The octets are `connections/tlswire`'s.
"""
