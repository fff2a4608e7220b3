from web.model.snippets import SNIPPETS, draw_snippets


def test_every_snippet_can_be_copied_and_calls_this_page() -> None:
    html = draw_snippets()
    assert html.count('class="copy"') == len(SNIPPETS)
    assert html.count("<span data-address>") == sum(
        code.count("ADDRESS/") for code in SNIPPETS.values()
    )
    for title in ("Python", "JavaScript", "curl"):
        assert "ADDRESS/" in SNIPPETS[title]
