"""HTTP/1.1 on any wire, pure Python.

`head` reads request heads (`unfinished`: what is wrong before the end has come), `framing` request content, which an
`arrival` keeps (`content`) until it is whole; `headers` is the one header policy for both directions, `forwarding`
believes proxies. `routing` picks who answers, `refusal` is what a peer reads when nobody does, and `parting` lets it
read to the end. `exchange` is one request and its reply whatever the HTTP version, `responses` renders heads, `h1` is
one connection, `site` what all of them share.
"""
