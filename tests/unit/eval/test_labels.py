"""What labels say in terms of our categories."""

from pathlib import Path

import pytest

from scripts.eval.errors import EvalError
from scripts.eval.labels import Label, Labels, Truth, read_labels
from shared.rules.load import load_rule_files

RULES = Path(__file__).parents[3] / "rules" / "default.yml"
NEWS = Truth(means="newsletters")
LABELS = Labels(
    read={"x/9.eml": Truth(means=None, also=frozenset({"shipping"}))},
    labels=[
        Label(source="x", field="codes", value="2.10", truth=NEWS),
        Label(source="x", field="label", value="spam", truth=Truth(means="junk")),
        Label(source="x", field=None, value=None, truth=Truth(means=None, known=False)),
    ],
)


def test_the_first_label_that_fits_counts() -> None:
    """A value may be one of a list; a line without a field fits what is left."""

    assert ["newsletters", "junk", None] == [
        LABELS.truth({"id": "x/1.eml", **row}).means
        for row in ({"codes": ["1.1", "2.10"], "label": "spam"}, {"label": "spam"}, {"label": "kept"})
    ]


def test_a_mail_that_was_read_needs_no_label() -> None:
    """What a person read comes first; it says what is right without counting as a find."""
    truth = LABELS.truth({"id": "x/9.eml", "label": "spam"})

    assert (None, {"shipping"}, True) == (truth.means, truth.also, truth.known)


def test_a_row_that_no_label_fits_is_an_error() -> None:
    """A mail must not drop out of the figures in silence."""

    with pytest.raises(EvalError, match=r"y/1\.eml"):
        LABELS.truth({"id": "y/1.eml"})


def test_the_mapping_names_categories_of_the_shipped_rules() -> None:
    """Each line gives a category that exists, and a reason."""

    assert set() == read_labels().categories() - set(load_rule_files([RULES]).categories)


def test_a_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    """Why a label means what we say belongs to the data."""
    path = tmp_path / "labels.yml"
    path.write_text("labels: [{source: x, means: none}]\nread: []\n")

    with pytest.raises(EvalError, match="because"):
        read_labels(path)
