"""Stands for Prometheus, which the gateway asks for its figures: it knows of none."""

from http.server import BaseHTTPRequestHandler, HTTPServer

PORT = 9090
NOTHING = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'


class Answers(BaseHTTPRequestHandler):
    """Answers every query alike."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(NOTHING)))
        self.end_headers()
        self.wfile.write(NOTHING)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", PORT), Answers).serve_forever()
