"""Tables in notebooks: escaped, aligned, and equal in both forms."""

from __future__ import annotations

from labkit.lesson.table import Table


def test_text_is_aligned_and_long_cells_are_cut():
    lines = repr(Table([{"id": "a", "text": "x" * 100, "n": 3}, {"id": "long", "text": "y", "n": 12}])).split("\n")
    assert lines[0].split() == ["id", "text", "n"] and set(lines[1]) == {"-"}
    assert "x..." in lines[2] and lines[2].index("3") == lines[3].index("12") == lines[0].index("n")


def test_model_text_is_escaped_and_kept_whole_in_html():
    html = Table([{"answer": "<img src=x> & " + "y" * 100, "\x1b": 1}])._repr_html_()
    assert "&lt;img src=x&gt; &amp; " + "y" * 100 in html and "<img" not in html


def test_line_breaks_and_terminal_codes_cannot_break_the_table():
    assert len(repr(Table([{"answer": "one\ntwo\x1b[2Jthree"}])).split("\n")) == 3
    assert "\x1b" not in repr(Table([{"answer": "\x1b[31mred"}]))


def test_no_rows_say_so():
    assert "nothing to show" in repr(Table([])) and "nothing to show" in Table([])._repr_html_()


def test_large_numbers_can_be_read():
    assert repr(Table([{"n": 9953280, "yes": True, "share": 0.5}])).split()[-3:] == ["9,953,280", "True", "0.5"]
