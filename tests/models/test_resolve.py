"""Finding a base model."""

from __future__ import annotations

import subprocess
import sys

from secft.models.resolve import resolve_model


def test_import_and_resolution_need_no_torch() -> None:
    code = (
        "import sys; from secft.models.resolve import resolve_model; resolve_model('tiny', 'random')\n"
        "import secft.train; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    resolve_model("tiny", "random")  # the conversion itself may need them; a finished cache entry may not
    subprocess.run([sys.executable, "-c", code], check=True)
