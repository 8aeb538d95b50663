"""A webhook for alerts: `python page_sink.py PORT FILE` writes each that it gets as a line of FILE."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class _Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with Path(sys.argv[2]).open("ab") as file:
            file.write(body + b"\n")
        self.send_response(200)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), _Taker).serve_forever()
