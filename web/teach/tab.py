"""The Teach tab: an empty frame; `client/teach.js` fills it from the routes of the tab."""

from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent


def add_teach_tab() -> None:
    """Lay the tab out inside the open `gr.Tab`; whoever may not teach gets nothing to fill it."""
    gr.HTML(
        html_template=(_HERE / "tab.html").read_text(encoding="utf-8"),
        js_on_load=(_HERE / "tab.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="teach-tab-frame",
    )
