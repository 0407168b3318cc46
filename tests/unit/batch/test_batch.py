"""What a request may say, whoever signed it."""

import pytest

from shared.batch import Batch
from shared.errors import BadRequest


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400, -(10**400), True, "1", [1]])
def test_a_time_that_is_no_number_is_refused(number: object) -> None:
    """A number that no clock can show is a bad request, not a fault of the program."""
    with pytest.raises(BadRequest, match="issued_at"):
        Batch.from_json({"account": "work", "issued_at": number})


@pytest.mark.parametrize("limit", [0, -1, 100_001, 10**400, 1.5, True, "1"])
def test_a_limit_out_of_range_is_refused(limit: object) -> None:
    """A limit is a whole number within bounds."""
    with pytest.raises(BadRequest, match="limit"):
        Batch.from_json({"account": "work", "limit": limit})
