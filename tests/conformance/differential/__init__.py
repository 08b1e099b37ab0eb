"""Three readers of the same octets: our connection, h11 and llhttp. `classes` explains where they may differ."""
