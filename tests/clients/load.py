"""Many clients at once, each doing one deed after the other, and a probe beside them."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections import Counter
from typing import Self

from deeds import DEEDS, OVER_TLS, Asked, leave_early, only_connect, read_slowly, vanish
from rawclient import Client

CLIENTS = 12


class Load:
    """Many clients for some seconds; what went wrong is kept."""

    def __init__(
        self, port: int, seconds: float, seed: int, clients: int = CLIENTS, tls: ssl.SSLContext | None = None
    ) -> None:
        self.failures: list[str] = []
        self.deeds: Counter[str] = Counter()
        self.worst = 0.0
        self._tls = tls
        self._port, self._until = port, time.monotonic() + seconds
        self._threads = [
            threading.Thread(target=self._be_client, args=(random.Random(seed + each),)) for each in range(clients)
        ]
        self._threads.append(threading.Thread(target=self._probe))

    @property
    def done(self) -> int:
        """How many deeds have come to their end, each with its own replies."""
        return sum(self.deeds.values())

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def goes_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def run(self) -> Self:
        self.start()
        for thread in self._threads:
            thread.join()
        return self

    def _be_client(self, chance: random.Random) -> None:
        while time.monotonic() < self._until and not self.failures:
            deed = chance.choice(OVER_TLS if self._tls else DEEDS)
            client = Client(self._port, small=deed in {vanish, read_slowly}, tls=self._tls)
            try:
                deed(client, chance)
                self.deeds[deed.__name__] += 1
            except Exception as error:  # told when all have ended
                left = (ConnectionResetError, BrokenPipeError)
                if not (deed in {leave_early, vanish, only_connect} and isinstance(error, left)):
                    self.failures.append(f"{deed.__name__}: {type(error).__name__}: {error}")
            finally:
                client.close()

    def _probe(self) -> None:
        """Ask for health on a connection that stays and on new ones, all the time."""
        chance = random.Random(0)
        staying = Client(self._port, tls=self._tls)
        while time.monotonic() < self._until and not self.failures:
            for client in (staying, Client(self._port, tls=self._tls)):
                asked, began = Asked(chance, "echo"), time.monotonic()
                try:
                    client.socket.sendall(asked.sent)
                    asked.check(client.reply())
                except Exception as error:
                    self.failures.append(f"probe: {type(error).__name__}: {error}")
                self.worst = max(self.worst, time.monotonic() - began)
                if client is not staying:
                    client.close()
            time.sleep(0.02)
        staying.close()
