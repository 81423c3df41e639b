"""One page on a free port of this machine, for browsers that may not open files.

In: the page. Out: its address, printed; then it is served until Ctrl-C. No file is read: whatever
else is asked for is not there.
"""

from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = "127.0.0.1"  # no other machine reaches it


def serve(page: bytes) -> None:
    """Serve the page, and nothing else."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The page, at the address that was printed."""
            if self.path.split("?")[0] != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            with suppress(ConnectionError):  # a browser that has left
                self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each request."""

    # Threads, for browsers open connections ahead on which they then ask for nothing.
    with ThreadingHTTPServer((HERE, 0), Page) as server:
        print(f"serving it on http://{HERE}:{server.server_port} until Ctrl-C", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
