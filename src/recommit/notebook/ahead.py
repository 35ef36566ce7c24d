"""Asks the `recommit repro` that DVC was started by for a stage's results: it may have run the stage ahead of DVC."""

import os
import socket
import sys

ADDRESS = "RECOMMIT_REPRO"
"""The environment variable that holds the socket of the `recommit repro` around this process."""
YOURSELF = "yourself"
"""The answer in place of an exit status where `recommit repro` does not run that stage."""


def status_from_repro() -> int | None:
    """The exit status of the stage that DVC runs, from `recommit repro`, which has run it or does so now.

    What the stage said goes to stderr. None where this process is to run it: DVC was started by another command, or
    `recommit repro` leaves the stage to DVC.
    """
    address, stage = os.environ.get(ADDRESS), os.environ.get("DVC_STAGE")
    if not address or not stage:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as repro:
            repro.connect(address)
            repro.sendall(f"{stage}\n".encode())
            answer = b"".join(iter(lambda: repro.recv(1 << 16), b"")).decode()
    except OSError:
        answer = ""
    status, _, said = answer.partition("\n")
    if status == YOURSELF:
        return None
    print(said or "recommit repro ended before the stage did", end="", file=sys.stderr)
    return int(status or 1)
