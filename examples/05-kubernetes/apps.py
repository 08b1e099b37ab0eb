"""The application of the manifests: says which pod has answered."""

import os


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello from {os.environ.get('POD_NAME', 'nowhere')}\n".encode()]
