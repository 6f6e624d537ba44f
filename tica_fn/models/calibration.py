"""The calibration models of one CCD."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import SHAPE, Amplifiers, check_ccd
from tica_fn.errors import ModelError
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.models.source_files import ModelFile, Provenance

__all__ = ["Models", "neutral_models"]


def _image(value: ArrayLike) -> Array:
    image = frozen_array(value, np.float32)
    if image.shape != SHAPE:
        raise ModelError(f"an image model has shape {SHAPE}, not {image.shape}")
    return image


def _map(value: ArrayLike) -> Array:
    bits = frozen_array(value, np.int32)
    if bits.shape != SHAPE:
        raise ModelError(f"a map of bad pixels has shape {SHAPE}, not {bits.shape}")
    return bits


def _profile(value: ArrayLike) -> Array:
    profile = frozen_array(value, np.float64)
    if profile.shape != (4, SHAPE[0]):
        raise ModelError(f"a row profile has shape (4, {SHAPE[0]}), not {profile.shape}")
    return profile


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Models(Record):
    """The calibration models of one CCD.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4.
    bias : ndarray
        (2078, 2136) float32: 2-D bias, ADU per exposure, or ADU per read.
    flat : ndarray
        (2078, 2136) float32: flat field, dimensionless, about 1.
    amplifiers : Amplifiers
        Gain, linearity and undershoot of A, B, C and D.
    exposure_s : float, optional
        Exposure time in seconds that the models were made for; None if they suit any.
    bias_per_read : bool
        Whether `bias` is ADU per read and has to be multiplied by the number of coadds.
    kind : str
        Their origin: ``"tica"``, ``"spoc"``, or another name.
    files : tuple of ModelFile
        The files they were read from.
    flat_error : ndarray, optional
        (2078, 2136) float32: standard deviation of `flat`; None if not known.
    bias_error : ndarray, optional
        (2078, 2136) float32: standard deviation of `bias`, in its unit, as the error of a mean;
        None if not known.  The error plane of SPOC's "2-D black" is too large for this: it exceeds
        the noise of a single read.
    black_sigma : ndarray, optional
        (2078, 2136) float32: that error plane, ADU per read, which SPOC uses for its own variances.
    row_profile : ndarray, optional
        (4, 2078) float64: SPOC's fixed 1-D black in each row of A, B, C and D, ADU per read, with
        mean zero; NaN for amplifiers whose profile is not known.
    row_profile_file : ModelFile, optional
        The file it was read from.
    bad_pixels : ndarray, optional
        (2078, 2136) int32: `HOT` and `DEAD` bits of `tica_fn.quality.pixels.Pixel`; None without
        a map of bad pixels.
    bad_pixels_file : ModelFile, optional
        The file it was read from.

    Raises
    ------
    ModelError
        If an image has the wrong shape, or if the bias has values that are not finite, or the flat
        values that are not finite or zero.
    """

    camera: int
    ccd: int
    bias: Array = attrs.field(converter=_image)
    flat: Array = attrs.field(converter=_image)
    amplifiers: Amplifiers
    exposure_s: float | None = None
    bias_per_read: bool = False
    kind: str = "arrays"
    files: tuple[ModelFile, ...] = ()
    flat_error: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(_image)
    )
    bias_error: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(_image)
    )

    black_sigma: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(_image)
    )
    row_profile: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(_profile)
    )
    row_profile_file: ModelFile | None = None
    bad_pixels: Array | None = attrs.field(default=None, converter=attrs.converters.optional(_map))
    bad_pixels_file: ModelFile | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse values that would spoil pixels of every frame."""
        check_ccd(self.camera, self.ccd)
        for name in ("bias", "flat"):
            finite = np.isfinite(getattr(self, name))
            if not finite.all():  # Listing the bad ones takes ten times as long.
                bad = np.argwhere(~finite)
                raise ModelError(
                    f"{name} model of {self.name} has {len(bad)} pixels that are not finite, the "
                    f"first at row {bad[0][0]}, column {bad[0][1]}"
                )
        if not self.flat.all():
            zero = np.argwhere(self.flat == 0)
            raise ModelError(
                f"flat model of {self.name} has {len(zero)} pixels that are zero, the first at "
                f"row {zero[0][0]}, column {zero[0][1]}"
            )

    @property
    def provenance(self) -> Provenance:
        """Record of these models for a frame."""
        gain = tuple(self.amplifiers.gain.tolist())
        return Provenance(kind=self.kind, files=self.files, gain=gain)

    @property
    def name(self) -> str:
        """Short name for messages, such as ``camera 2 CCD 3``."""
        return f"camera {self.camera} CCD {self.ccd}"


def neutral_models(
    camera: int,
    ccd: int,
    *,
    bias: ArrayLike = 0.0,
    flat: ArrayLike = 1.0,
    gain: float = 1.0,
    constants: Amplifiers | None = None,
    exposure_s: float | None = None,
) -> Models:
    """Models that change nothing unless a value is given, for trying and testing steps.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4.
    bias : array_like
        One number or (2078, 2136), ADU per exposure.
    flat : array_like
        One number or (2078, 2136).
    gain : float
        Electron per ADU of all four amplifiers, if `constants` is not given.
    constants : Amplifiers, optional
        Constants of the amplifiers; by default `gain` and a perfectly linear response.
    exposure_s : float, optional
        Exposure time in seconds that frames must have; by default any.

    Returns
    -------
    Models
        The models.

    Examples
    --------
    >>> from tica_fn import neutral_models
    >>> neutral_models(1, 1, gain=5.2).amplifiers.gain
    array([5.2, 5.2, 5.2, 5.2])
    """
    if constants is None:
        ones, zeros = np.ones(4), np.zeros(4)
        neutral = dict.fromkeys((field.name for field in attrs.fields(Amplifiers)), zeros)
        neutral |= {"lin_scale": ones, "lin_c0": ones, "spoc_c0": ones, "gain": gain * ones}
        constants = Amplifiers(**neutral | {"max_domain_adu": np.full(4, np.inf)})
    return Models(
        camera=camera,
        ccd=ccd,
        bias=np.broadcast_to(np.asarray(bias, np.float32), SHAPE),
        flat=np.broadcast_to(np.asarray(flat, np.float32), SHAPE),
        amplifiers=constants,
        exposure_s=exposure_s,
        kind="neutral",
    )
