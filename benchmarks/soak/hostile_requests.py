"""Requests that no good client sends: broken, forbidden, or by a wrong method."""

_BOUNDARY = b"hostile-boundary"
FORM = b"Content-Type: multipart/form-data; boundary=%s\r\n" % _BOUNDARY
JSON = b"Content-Type: application/json\r\n"
FORBIDDEN = (
    "GET /gradio_api/file=http://127.0.0.1:{canary}/",
    "GET /gradio_api/file=/etc/passwd",
    "GET /gradio_api/file=../../../../etc/passwd",
    "GET /gradio_api/proxy=http://127.0.0.1:{canary}/",
    "GET /pwa_icon/40000",
    "GET /monitoring",
    "GET /monitoring/summary",
    "GET /gradio_api/dev/reload",
    "GET /custom_component/a%0ab/client/component/index.js",
    "GET /gradio_api/startup-events",
    "POST /gradio_api/process_recording",
    "POST /gradio_api/run/classify",
    "POST /api/predict",
    "POST /gradio_api/component_server",
    "POST /gradio_api/reset",
    "GET /teach/state",
    "POST /teach/training",
    "POST /versions/publish",
    "POST /versions/delete",
    "GET /report/..%2f..%2f..%2fapp.py",
    "GET /examples/..%2f..%2fapp.py",
    "GET /examples/../../app.py",
    "GET /.env",
    "GET /wp-login.php",
    "GET /docs",
    "GET /openapi.json",
)
METHODS = ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "POST", "GET", "\0", "get")
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
_CLASSIFY = b"POST /api/classify HTTP/1.1\r\nHost: a\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
GARBAGE = (
    b"\0" * 2000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    _GET + b"Content-Length: -1\r\n\r\n",
    _CLASSIFY + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nabcde",
    _CLASSIFY + b"Content-Length: 99999999999999999999999\r\n\r\n",
    _CLASSIFY + b"Content-Length: a\r\n\r\n",
    _CLASSIFY + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n",
    _CLASSIFY + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n",
    _CLASSIFY + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%00%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /?model=%ff%00../.. HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /healthz?model=%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /api/classify?model=../../x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    _GET + b"X: " + b"\xff\x01\x02" * 50 + b"\r\n\r\n",
    _GET + b"Cookie: " + b"teacher=" * 500 + b"\r\n\r\n",
    _GET + b"Range: bytes=9999999999-,0-0,-1\r\n\r\n",
    b"GET /model.onnx HTTP/1.1\r\nHost: a\r\nRange: bytes=" + b"0-1," * 2000 + b"\r\n\r\n",
    _GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: YQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    _GET + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\n"
    b"Content-Length: 4\r\n\r\nabcd",
    b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n\xff\xfe=%%%zz",
)


def make_post(path: str, body: bytes, more: bytes = b"") -> bytes:
    """Return a whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + more + b"Connection: close\r\n\r\n" + body


def make_upload(data: bytes) -> bytes:
    """Return a form with one file, for the header `FORM`."""
    head = b'--%s\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    return head % _BOUNDARY + data + b"\r\n--%s--\r\n" % _BOUNDARY
