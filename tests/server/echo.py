"""Stands in for the service behind the front: `echo.py serve --port PORT …` answers each request
with its headers, and none at all at /cut."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/cut":
            self.close_connection = True
            return
        told = {name.lower(): value for name, value in self.headers.items()}
        told["its trusted proxies"] = os.environ.get("CONSTANCIA_TRUSTED_PROXIES")
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Echo).serve_forever()
