"""WSGI (PEP 3333): from an operator's `module:application` to one call of it for each request."""
