"""A Flask site: a page, a form and a style sheet."""

from flask import Flask, render_template_string, request

# The server serves /static itself, so Flask does not.
app = Flask(__name__, static_folder=None)
PAGE = """<!doctype html>
<html lang="en"><title>Flask on wsgicontainer</title><link rel="stylesheet" href="/static/site.css">
<h1>Hello, {{ name }}!</h1>
<form method="post"><label>Your name <input name="name" required></label> <button>Greet me</button></form>
</html>"""


@app.route("/", methods=["GET", "POST"])
def greet():
    """Greet the world, or who filled in the form."""
    return render_template_string(PAGE, name=request.form.get("name", "world"))
