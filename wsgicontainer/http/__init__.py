"""HTTP/1.1 on any wire, pure Python.

`head` reads request heads, `framing` request content, `headers` is the one header policy for both directions,
`routing` picks who answers and `refusal` is what a peer reads when nobody does; `exchange` is one request and its
reply whatever the HTTP version, `responses` renders heads, `h1` is one connection, `site` what all of them share.
"""
