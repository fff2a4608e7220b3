"""What a browser may do with our answers: no scripts from elsewhere, no frames, no guessing."""

# Gradio writes scripts into its page, and turns those of `js=` into functions.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


def make_headers(frame_ancestors: str) -> list[tuple[str, str]]:
    """Return the headers of every answer. `frame_ancestors`: whose frames the page may stand in."""
    policy = {**_POLICY, "frame-ancestors": frame_ancestors}
    return [
        ("Content-Security-Policy", "; ".join(" ".join(pair) for pair in policy.items())),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Permissions-Policy", "camera=(self), microphone=(), geolocation=()"),
    ]
