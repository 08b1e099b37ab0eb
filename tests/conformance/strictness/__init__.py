"""What the server accepts and what it refuses, as rows of values: the tests run them, the documentation shows them.

`row` says what a row is; `heads`, `fields` and `content` hold them; `page` renders docs/design/what-we-accept.md.
"""

from tests.conformance.strictness.content import CONTENT
from tests.conformance.strictness.fields import FIELDS
from tests.conformance.strictness.heads import HEADS
from tests.conformance.strictness.row import Answered, Refused, Row, Section, Served

SECTIONS: list[Section] = [*HEADS, *FIELDS, *CONTENT]

__all__ = ["SECTIONS", "Answered", "Refused", "Row", "Section", "Served"]
