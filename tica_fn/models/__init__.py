"""Records of calibration models, and of models built from frames."""

from tica_fn.models.calibration import Models, neutral_models
from tica_fn.models.source_files import ModelFile, Provenance, SourceFile

__all__ = ["ModelFile", "Models", "Provenance", "SourceFile", "neutral_models"]
