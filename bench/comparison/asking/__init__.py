"""Who asks, from one core: what loads a server, and what watches it meanwhile.

wrk    HTTP/1.1, with TLS and without      h2load  HTTP/2, and long transfers over both versions
probe  how soon the reactor gets its turn  idle    connections that lie open
counted: what wrk and h2load count
"""
