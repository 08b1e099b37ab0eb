"""HTTP/1.1 on any wire, pure Python.

`head` reads request heads, `framing` request content, `headers` is the one header policy for both directions,
`routing` picks who answers; `exchange` is one request and its reply whatever the HTTP version, `h1` one connection,
`site` what all connections of the server share.
"""
