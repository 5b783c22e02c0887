"""Pictures: numbers become shapes, words are escaped, nothing needs a style attribute, and nothing is colour alone."""

import re
from math import isclose
from xml.etree import ElementTree

from node.web import charts
from node.web.charts import Column

SVG = "{http://www.w3.org/2000/svg}"


def shapes(picture: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(tag))


def test_columns_stand_on_each_other_and_end_at_their_sum():
    picture = charts.columns("sent", "Sent", [Column("10:00", (30, 10)), Column("11:00", (0, 0))])
    solid, hatched = shapes(picture, "rect")
    assert isclose(float(hatched.get("y")) + float(hatched.get("height")), float(solid.get("y")), abs_tol=0.11)
    assert isclose(float(solid.get("height")), 3 * float(hatched.get("height")), abs_tol=0.2)
    assert solid.get("fill") == "currentColor"
    assert hatched.get("fill") == "url(#sent-hatched)"


def test_bars_are_as_long_as_their_numbers():
    first, second = shapes(charts.bars("slow", "Slow", [("a.test", 200), ("b.test", 100)]), "rect")
    assert float(first.get("width")) == 2 * float(second.get("width"))


def test_words_are_escaped_and_nothing_is_styled_inline():
    """XSS: a host name is somebody else's word."""
    picture = charts.bars("slow", "<i>", [('<script>"&', 1)])
    assert "<script>" not in picture and "<i>" not in picture
    assert not re.search(r"\sstyle=|\son\w+=", picture)


def test_nothing_to_show_is_a_picture_all_the_same():
    assert shapes(charts.columns("sent", "Sent", []), "title")[0].text == "Sent"
    assert shapes(charts.bars("slow", "Slow", []), "rect") == []


def test_the_ceiling_is_the_next_round_number():
    assert [charts.ceiling(most) for most in (0, 1, 3, 5, 11, 99, 501)] == [1, 1, 5, 5, 20, 100, 1000]
