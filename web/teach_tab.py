"""The Teach tab: an empty frame; `assets/teach.js` fills it from the routes of `web.teaching`."""

from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent


def add_teach_tab() -> None:
    """Lay the tab out inside the open `gr.Tab`; whoever may not teach gets nothing to fill it."""
    gr.HTML(
        html_template=(_HERE / "teach.html").read_text(encoding="utf-8"),
        js_on_load=(_HERE / "teach.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="teach-tab-frame",
    )
