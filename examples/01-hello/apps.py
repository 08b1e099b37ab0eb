"""The smallest site: one WSGI application, without a framework."""


def hello(environ, start_response):
    """Greet, and say what was asked for."""
    content = f"Hello, world! You asked for {environ['PATH_INFO']}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))])
    return [content]
