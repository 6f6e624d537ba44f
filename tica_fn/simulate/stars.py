"""Stars of a simulated sky: positions and magnitudes."""

from __future__ import annotations

from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.immutable import Array, Record, frozen_array

__all__ = ["ELECTRONS_PER_S_AT_TMAG_10", "Stars", "electrons_per_s", "random_stars"]

ELECTRONS_PER_S_AT_TMAG_10 = 15_000.0
"""Light of a star of TESS magnitude 10, electron per second of exposure."""


def electrons_per_s(tmag: ArrayLike) -> Array:
    """Convert TESS magnitudes to electrons per second.

    Parameters
    ----------
    tmag : array_like
        TESS magnitudes.

    Returns
    -------
    ndarray
        float64, electron per second.

    Examples
    --------
    >>> from tica_fn.simulate import electrons_per_s
    >>> electrons_per_s([10.0, 12.5])
    array([15000.,  1500.])
    """
    magnitude = np.asarray(tmag, dtype=np.float64)
    return np.asarray(ELECTRONS_PER_S_AT_TMAG_10 * 10.0 ** (-0.4 * (magnitude - 10.0)))


def _whole_numbers(value: ArrayLike) -> Array:
    return frozen_array(np.atleast_1d(value), np.int64)


def _numbers(value: ArrayLike) -> Array:
    return frozen_array(np.atleast_1d(value), np.float64)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Stars(Record):
    """Stars on a CCD.

    Parameters
    ----------
    columns, rows : ndarray
        (stars,) float64: position of the centroid of the star's light in the full readout, 0-based;
        integers are centres of pixels.
    tmag : ndarray
        (stars,) float64: TESS magnitudes.
    ra, dec : ndarray
        (stars,) float64: ICRS, degrees, at the epoch of the frame; NaN if not known.
    identifier : ndarray
        (stars,) int64: catalogue numbers; 0 if there is none.

    Raises
    ------
    ValueError
        If the arrays differ in length.

    Examples
    --------
    >>> from tica_fn.simulate import Stars
    >>> stars = Stars(columns=[600.25], rows=[1000.0], tmag=[9.5])
    >>> len(stars)
    1
    """

    columns: Array = attrs.field(converter=_numbers)
    rows: Array = attrs.field(converter=_numbers)
    tmag: Array = attrs.field(converter=_numbers)
    ra: Array = attrs.field(converter=_numbers)
    dec: Array = attrs.field(converter=_numbers)
    identifier: Array = attrs.field(converter=_whole_numbers)

    @ra.default
    def _no_ra(self) -> Array:
        return np.full(self.columns.shape, np.nan)

    @dec.default
    def _no_dec(self) -> Array:
        return np.full(self.columns.shape, np.nan)

    @identifier.default
    def _no_identifier(self) -> Array:
        return np.zeros(self.columns.shape, dtype=np.int64)

    def __attrs_post_init__(self) -> None:
        """Refuse columns of different length."""
        lengths = {field.name: getattr(self, field.name).shape for field in attrs.fields(Stars)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of stars differ in length: {lengths}")

    def __len__(self) -> int:
        return int(self.columns.size)

    @property
    def electrons_per_s(self) -> Array:
        """Light of each star, electron per second of exposure, (stars,) float64."""
        return electrons_per_s(self.tmag)

    def shifted(self, column_shift: float, row_shift: float, roll_deg: float = 0.0) -> Self:
        """Move the stars by a change of the pointing.

        Parameters
        ----------
        column_shift, row_shift : float
            Shift of every star, pixels.
        roll_deg : float
            Rotation of the field about the centre of the science pixels, degrees.

        Returns
        -------
        Stars
            The moved stars.
        """
        middle_column = 0.5 * (SCIENCE_COLUMNS[0] + SCIENCE_COLUMNS[1] - 1)
        middle_row = 0.5 * (SCIENCE_ROWS[0] + SCIENCE_ROWS[1] - 1)
        cosine, sine = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
        x, y = self.columns - middle_column, self.rows - middle_row
        changes: dict[str, Any] = {
            "columns": middle_column + cosine * x - sine * y + column_shift,
            "rows": middle_row + sine * x + cosine * y + row_shift,
        }
        return attrs.evolve(self, **changes)

    def chosen(self, which: ArrayLike) -> Self:
        """Select some of the stars.

        Parameters
        ----------
        which : array_like
            Mask or indices.

        Returns
        -------
        Stars
            The selected stars.
        """
        names = [field.name for field in attrs.fields(type(self))]
        index = np.asarray(which)
        if index.dtype != np.bool_:
            index = index.astype(np.int64)
        return type(self)(**{name: getattr(self, name)[index] for name in names})


def random_stars(count: int, seed: int, faintest: float = 15.0) -> Stars:
    """Random stars over the science pixels, with more faint than bright ones.

    Parameters
    ----------
    count : int
        Number of stars.
    seed : int
        Seed of the random numbers.
    faintest : float
        TESS magnitude of the faintest; the number of stars grows by a factor of 2.5 per magnitude.

    Returns
    -------
    Stars
        The stars.
    """
    random = np.random.default_rng(seed)
    # For counts that grow as 10**(0.4 m), the difference from the faintest is exponential.
    tmag = faintest - random.exponential(1.0 / (0.4 * np.log(10.0)), count)
    return Stars(
        columns=random.uniform(SCIENCE_COLUMNS[0] - 0.5, SCIENCE_COLUMNS[1] - 0.5, count),
        rows=random.uniform(SCIENCE_ROWS[0] - 0.5, SCIENCE_ROWS[1] - 0.5, count),
        tmag=np.maximum(tmag, -1.0),
    )
