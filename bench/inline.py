"""bjoern has no command of its own: `python -m inline MODULE:NAME PORT`."""

import sys
from importlib import import_module

import bjoern

if __name__ == "__main__":
    module, name = sys.argv[1].split(":")
    bjoern.run(getattr(import_module(module), name), "127.0.0.1", int(sys.argv[2]))
