"""A name server for one name: whatever is asked, the answer is the address in a file, or that there is none.

Arguments: ADDRESS PORT FILE.
"""

import ipaddress
import socket
import struct
import sys
from pathlib import Path

HEADER = struct.Struct("!6H")
ANSWERED, NO_SUCH_NAME = 0x8180, 0x8183
A_RECORD, INTERNET, BACK_TO_THE_NAME = 1, 1, 0xC00C
TIME_TO_LIVE = 1


def answer(query: bytes, address: str) -> bytes:
    """The reply to a query with one question; "" is no address."""
    end = query.index(b"\0", HEADER.size) + 5
    question = query[HEADER.size : end]
    identity = HEADER.unpack_from(query)[0]
    if not address:
        return HEADER.pack(identity, NO_SUCH_NAME, 1, 0, 0, 0) + question
    record = struct.pack("!3HIH", BACK_TO_THE_NAME, A_RECORD, INTERNET, TIME_TO_LIVE, 4)
    told = ipaddress.IPv4Address(address).packed
    return HEADER.pack(identity, ANSWERED, 1, 1, 0, 0) + question + record + told


def main() -> None:
    """Go on until killed."""
    host, port, file = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind((host, int(port)))
        while True:
            query, caller = here.recvfrom(4096)
            here.sendto(answer(query, Path(file).read_text(encoding="utf-8").strip()), caller)


if __name__ == "__main__":
    main()
