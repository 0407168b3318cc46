"""HTML -> the text that a person sees."""

import pytest

from shared.mail.html import visible_text
from shared.mail.limits import MAX_HTML_DEPTH

LONG = 10_000


def seen(source: str) -> str:
    return visible_text(source, set(), max_chars=LONG).text


def hides(source: str) -> bool:
    return visible_text(source, set(), max_chars=LONG).is_hiding


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hel<b>lo</b> wor<i>ld</i>", "Hello world"),
        ("<p>One\n two</p><p>Three", "One two\n\nThree"),
        ("One<br>two<BR/>three", "One\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        ("<table><tr><td>a<td>b<tr><th>c</th></table>", "a b\nc"),
        ("<pre>a\n  b</pre>\nc\nd", "a\nb\nc d"),
        ("a&nbsp;&amp;&#32;&lt;b&gt;&eacute;&#x1F600;", "a & <b>é\U0001f600"),
        ("a &ltb &unknown; &", "a <b &unknown; &"),
        ("a&#" + "9" * 5_000 + ";b", "a\ufffdb"),
        ("a&#" + "0" * 5_000 + "65;&#0000000000;b", "aA\ufffdb"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("a<!-- b -->c<!-->d<!->e", "acde"),
        ("a<!doctype html><?xml x?></ b>c", "ac"),
        ("<script>if (a < b) '</p>'</SCRIPT >seen", "seen"),
        ("<style>a{}</style><title>t</title>seen<noframes>n</noframes>", "seen"),
        ("<textarea>as <b>it</b> is</textarea>", "as <b>it</b> is"),
        ("<select><option>a<option>b</select>seen", "seen"),
        ("<a href=\"x>y\">seen</a><a title='>'>too</a>", "seentoo"),
        ('<a href=x"y>seen</a>', "seen"),
        ('<p title="hidden">seen</p><p class=hidden data-hidden hidden-x=1>too', "seen\n\ntoo"),
        ('<p style="" style="display:none">seen', "seen"),
        ("<html><head><meta charset=utf-8><body>seen", "seen"),
        ("", ""),
    ],
)
def test_what_is_seen(source: str, text: str) -> None:
    """Blocks begin lines, cells are apart, entities are characters, and what is no text is left out."""
    assert (text, False) == (seen(source), hides(source))


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : NONE !important",
        "color:red;/* ; */display:none",
        "visibility:hidden",
        "visibility: collapse",
        "font-size:0",
        "font-size:0px;",
        "font-size:1px",
        "opacity:0",
        "opacity:.01",
        "max-height:0;overflow:hidden",
        "overflow: hidden; width: 0px",
        "text-indent:-9999px",
        "position:absolute;left:-1000px",
        "color:#fff",
        "color: white",
        "color:rgb(254, 254, 254)",
        "background-color:#00f;color:#0000FF",
        "background:black;color:#000",
    ],
)
def test_styles_that_hide(style: str) -> None:
    """Text that nobody sees is left out, and said to be there."""
    source = f'<p>One.</p><div style="{style}">Hidden<p>this, too</div><p>Two.</p>'

    assert ("One.\n\nTwo.", True) == (seen(source), hides(source))


@pytest.mark.parametrize(
    "style",
    [
        "display:block",
        "visibility:visible",
        "font-size:12px",
        "font-size:80%",
        "font-size:1em",
        "opacity:0.9",
        "max-height:0",
        "height:0;overflow:visible",
        "text-indent:-20px",
        "color:#333",
        "color:white;background:#000",
        "color:white;background:url(dark.png)",
        "background:linear-gradient(red, blue);color:#fff",
        "mso-hide:all",
        ":::;;color",
    ],
)
def test_styles_that_do_not_hide(style: str) -> None:
    """What may be seen is kept."""
    source = f'<div style="{style}">Seen</div>'

    assert ("Seen", False) == (seen(source), hides(source))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p hidden>a</p>b", "b"),
        ("<font color=white>a</font>b", "b"),
        ("<table bgcolor=#000000><tr><td><font color=black>a</font><font color=white>b</font></table>", "b"),
        ("<body bgcolor=black text=white>b", "b"),
        ("<font color=white>a<table><tr><td>b</table></font>", "b"),
        ("<font color=white>a<a href=x>b</a></font>", "b"),
        ('<div style="font-size:0">a<span style="font-size:10px">b</span></div>', "b"),
        ('<div style="visibility:hidden">a<i style="visibility:visible">b</i></div>', "b"),
        ('<div style="display:none">a<i style="display:block">a</i></div>b', "b"),
        ('<p style="display:none">a<p>b', "b"),
        ('<ul><li style="display:none">a<ul><li>a</ul><li>b</ul>', "b"),
        ('<table><tr><td style="display:none">a<td>b<tr><td>c</table>', "b\nc"),
        ('<table><tr style="display:none"><td>a<tr><td>b</table>', "b"),
        ('<div style="display:none"><table><tr><td></div>a</table></div>b', "b"),
        ('<span style="display:none">a<b></span>b', "b"),
        ("<style>.x, td#y{display:none}</style><p class='w x'>a</p><td ID=y>a</td>b", "b"),
        ("<style>@media print{.x{display:none}} .z{color:red}</style><p class='x z'>b</p>", "b"),
        ("<style>.x{background:#000}</style><p class=x><font color=white>b</font>", "b"),
        ("<style>.w{color:#fff}</style><p class=w>b", "b"),
    ],
)
def test_what_hides_how_far(source: str, text: str) -> None:
    """Hiding ends with its element, however that was ended, and what is inherited can be undone within."""
    assert text == seen(source)


@pytest.mark.parametrize("source", ["<p hidden> &nbsp; </p>a", '<img style="display:none">a', "<p hidden>.</p>a"])
def test_hiding_nothing_is_no_hiding(source: str) -> None:
    """Hidden elements without a word are as usual as tracking pixels."""
    assert not hides(source)


def test_padding_without_width_is_hidden() -> None:
    """Runs of characters without width are left out, and white space of any kind is one space."""
    source = "<div>Begin" + "&zwnj;&nbsp;&#847;&#8199;" * 50 + "end</div>"

    assert ("Begin end", True) == (seen(source), hides(source))


def test_text_is_cut() -> None:
    """The text is cut at the limit, and the scanner stops soon after."""
    visible = visible_text("<p>word</p>" * 10_000, set(), max_chars=100)

    assert (100, True) == (len(visible.text), visible.is_cut)
    assert visible.tags < 1_000


def test_tags_are_counted() -> None:
    """After so many tags nothing is read, and a defect says so."""
    defects: set[str] = set()
    visible = visible_text("<i>" * 20 + "text", defects, max_chars=100, max_tags=10)

    assert ("", True, {"text-too-long"}) == (visible.text, visible.is_cut, defects)


def test_depth_is_bounded() -> None:
    """Deeper elements are read as if they were not nested, and a defect says so."""
    defects: set[str] = set()
    deep = MAX_HTML_DEPTH + 10
    visible = visible_text("<div>" * deep + "deep" + "</div>" * deep + "end", defects, max_chars=100)

    assert ("deep\n\nend", {"html-too-deep"}) == (visible.text, defects)


def test_a_long_style_hides_too() -> None:
    """Padding before what hides changes nothing."""
    assert "" == seen(f'<p style="{"color:red;" * 5_000}display:none">Hidden')


def test_no_number_is_too_long() -> None:
    """A character reference of thousands of digits is read like any other, in text and in a style."""

    long = "0" * 5_000

    assert "seen" == seen(f"<p style='display:none&#{long}59;'>x&#{long}65;</p><p>seen")
