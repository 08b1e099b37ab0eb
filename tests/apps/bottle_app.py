"""Bottle as its tutorial uses it."""

import hashlib

import gate
from bottle import Bottle, request, response

application = app = Bottle()


@app.get("/")
def hello():
    return "Hello from Bottle"


@app.post("/upload")
def upload():
    content = request.body.read()
    return {"sha256": hashlib.sha256(content).hexdigest(), "length": len(content)}


@app.get("/cookies")
def cookies():
    return {"line": request.headers.get("Cookie", ""), "cookies": dict(request.cookies)}


@app.get("/stream")
def stream():
    response.content_type = "text/plain"
    return gate.blocks()


@app.get("/go")
def go():
    return gate.go()
