"""The files that models and frames come from."""

from __future__ import annotations

import attrs

__all__ = ["ModelFile", "Provenance", "SourceFile"]


@attrs.frozen(kw_only=True)
class SourceFile:
    """The file that a frame was read from.

    Parameters
    ----------
    name : str
        File name without folder.
    crc32 : str
        CRC-32 of its unpacked content, hexadecimal.
    """

    name: str
    crc32: str


@attrs.frozen(kw_only=True)
class ModelFile:
    """A file that a model was read from.

    Parameters
    ----------
    name : str
        File name without folder.
    sha256 : str
        Hash of the file's bytes, hexadecimal.
    version : str
        Version of its set of models, as recorded by `tica-fn models fetch` (the hash of a DVC
        listing); empty if nothing is recorded.
    """

    name: str
    sha256: str
    version: str = ""


@attrs.frozen(kw_only=True)
class Provenance:
    """The models that a frame was calibrated with.

    Parameters
    ----------
    kind : str
        Origin of the models: ``"tica"``, ``"spoc"``, or another name.
    files : tuple of ModelFile
        The files they were read from.
    gain : tuple of float
        Gain of A, B, C, D in electron per ADU.
    """

    kind: str
    files: tuple[ModelFile, ...]
    gain: tuple[float, ...]

    def merged(self, other: Provenance | None) -> Provenance:
        """Join this with the provenance of earlier steps.

        Parameters
        ----------
        other : Provenance or None
            Provenance of the frame so far.

        Returns
        -------
        Provenance
            This one with the other's files first; kinds that differ are joined by ``+``.
        """
        if other is None or other == self:
            return self
        files = tuple(dict.fromkeys((*other.files, *self.files)))
        kinds = dict.fromkeys((*other.kind.split("+"), *self.kind.split("+")))
        return attrs.evolve(self, files=files, kind="+".join(kinds))
