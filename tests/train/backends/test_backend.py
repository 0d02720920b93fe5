"""Looking a backend up."""

from __future__ import annotations

import pytest

from secft.errors import InputError
from secft.train import backend_named

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


def test_unknown_backend_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="Did you mean 'trl'"):
        backend_named("tlr")
