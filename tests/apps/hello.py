"""The smallest application there is: `hello:application`, `hello:app`, or `hello` alone."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


app = application


def create():
    """Be a factory: `hello:create()`."""
    return application
