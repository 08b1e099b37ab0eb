"""wsgicontainer: one server for WSGI applications, in development and on the internet."""
