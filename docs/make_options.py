"""Makes docs/reference/options.md: `python docs/make_options.py > docs/reference/options.md`."""

import sys

from wsgicontainer.settings.pages import reference_page

if __name__ == "__main__":
    sys.stdout.write(reference_page())
