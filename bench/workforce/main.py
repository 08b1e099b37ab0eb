"""The command line of bench/workers."""

from __future__ import annotations

import argparse
import os

from workforce.measuring import memory, replacement, throughput
from workforce.processes import COMMANDS

_PRELOAD = ("", "--preload")


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="bench/workers", description="Measure what many processes give and cost.")
    parser.add_argument("--seconds", type=float, default=5, help="of load for each throughput")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print("| Server | 1 worker, requests/s | 2 workers | ratio |\n|---|--:|--:|--:|")
    for name in COMMANDS:
        pairs = [(throughput(name, 1, asked.seconds), throughput(name, 2, asked.seconds)) for _ in range(asked.rounds)]
        one, two = sorted(pairs, key=lambda pair: pair[1] / pair[0])[len(pairs) // 2]
        print(f"| {name} | {one:,.0f} | {two:,.0f} | {two / one:.2f} |", flush=True)
    print("\n| Server, Django | 4 workers, MiB (PSS) | killed workers replaced after ms |\n|---|--:|--:|")
    for name in COMMANDS:
        for word in _PRELOAD:
            words = [word] if word else []
            mib, ms = memory(name, 4, *words), replacement(name, *words)
            print(f"| {name} {word} | {mib:,.0f} | {ms:,.0f} |", flush=True)
    print(f"\n{os.cpu_count()} cores.")
