"""A stand-in for the service behind nginx: `echo.py serve --port PORT ...`.

It returns the headers of each request as JSON, and no response at all for /cut.
"""

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
        received = {name.lower(): value for name, value in self.headers.items()}
        received["its trusted proxies"] = os.environ.get("CONSTANCIA_TRUSTED_PROXIES")
        body = json.dumps(received).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Echo).serve_forever()
