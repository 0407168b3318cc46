"""HTML elements by how they behave: what a scanner must know of the tree rules (HTML sections 13 and 15)."""

RAW = frozenset({"script", "style", "title", "textarea", "xmp", "noembed", "noframes", "iframe"})
"""Their content is no markup."""

NEVER_SEEN = RAW - {"textarea", "xmp"}

VOID = frozenset(
    {"area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen"}
    | {"link", "meta", "param", "source", "track", "wbr"}
)

NO_TEXT = frozenset({"template", "datalist", "select"})
"""What is in them is no part of the text, and hides nothing."""

OWN_COLOUR = frozenset({"a", "table"})
"""Links have a colour of their own; tables start anew from the page's (HTML section 15.3.10: old mail relies on it)."""

_SECTIONS = frozenset(
    {"address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "main"}
    | {"menu", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"}
)
_ITEMS = frozenset({"dd", "dt", "li"})

UNLIKE = NO_TEXT | OWN_COLOUR
"""Their text is not shown as the text around them is."""

PREFORMATTED = frozenset({"pre", "listing"})

BREAKS = {
    **dict.fromkeys(_SECTIONS | _ITEMS | {"body", "html", "br", "option", "tbody", "tfoot", "thead", "tr"}, "\n"),
    **dict.fromkeys(("td", "th"), " "),
}
"""What parts text where they begin and end."""

_ROWS = ("td", "th", "tr")
_ROW_GROUPS = (*_ROWS, "tbody", "thead", "tfoot")

ENDS = {
    **dict.fromkeys(_SECTIONS, ("p",)),
    "li": ("li", "p"),
    "dt": ("dt", "dd", "p"),
    "dd": ("dt", "dd", "p"),
    "td": ("td", "th"),
    "th": ("td", "th"),
    "tr": _ROWS,
    "tbody": _ROW_GROUPS,
    "tfoot": _ROW_GROUPS,
    "option": ("option",),
}
"""A start tag ends what was left open before it."""

WALLS = frozenset({"table", "td", "th", "caption", "template"})
"""Elements across which an end tag closes nothing."""

_TABLE_WALLS = frozenset({"table", "template"})

OWN_WALLS = {
    **dict.fromkeys((*_ROW_GROUPS, "caption"), _TABLE_WALLS),
    "table": frozenset({"template"}),
    "li": WALLS | {"ul", "ol", "menu"},
    "dt": WALLS | {"dl"},
    "dd": WALLS | {"dl"},
}
