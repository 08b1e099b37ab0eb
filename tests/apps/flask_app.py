"""Flask as its tutorial uses it."""

import hashlib

import gate
from flask import Flask, Response, jsonify, request

application = app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello from Flask"


@app.post("/upload")
def upload():
    content = request.get_data()
    return jsonify(sha256=hashlib.sha256(content).hexdigest(), length=len(content))


@app.get("/cookies")
def cookies():
    return jsonify(line=request.headers.get("Cookie", ""), cookies=dict(request.cookies))


@app.get("/stream")
def stream():
    return Response(gate.blocks(), mimetype="text/plain")


@app.get("/go")
def go():
    return gate.go()
