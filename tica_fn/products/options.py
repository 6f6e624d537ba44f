"""Options of a calibrated product, and the steps that make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from tica_fn.errors import UsageError
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.steps.table import STANDARD_ORDER, TABLE, Row, choices_at

if TYPE_CHECKING:
    from tica_fn.models import Models
    from tica_fn.pipeline.compose import Pipeline

__all__ = ["LIKE", "Product", "steps_for"]


LIKE = {
    "tica": {place: choices_at(place)[0] for place in ("pedestal", "linearity", "smear")},
    "spoc": dict.fromkeys(("pedestal", "linearity", "smear"), "mission"),
}
"""Choices of steps for TICA's and SPOC's arithmetic."""


def _one_of(*choices: str) -> Any:
    return attrs.field(default=choices[0], validator=attrs.validators.in_(choices))


@attrs.frozen(kw_only=True)
class Product:
    """Options of a product; the defaults are TICA's.

    Parameters
    ----------
    layout : str
        ``"tica"`` (image in the primary HDU, electrons per exposure) or ``"spoc"`` (image and
        uncertainty in extensions, electrons per second).
    assemble : bool
        Join the CCDs of a camera frame again.
    trim : bool
        Write only the science pixels.
    name : str
        ``"stem"``, ``"hlsp"`` or ``"spoc"``.
    segment : str or None
        Orbit of the sector for ``ORB_SEG``; by default from the header.
    uncertainty, quality : bool
        Write extensions with these planes.
    pedestal : str
        ``"mean"``, ``"row"`` or ``"mission"``.
    linearity : str
        ``"spoc"``, ``"mission"``, ``"poc"`` or ``"none"``.
    smear : str
        ``"median"``, ``"robust"`` or ``"mission"``.
    undershoot : bool
        Correct the undershoot after bright pixels.
    keep_cosmic_rays : bool
        Keep in target pixels the cosmic rays that the mission removed from its own fluxes.
    time_corrections : tuple of str
        Names of the time corrections.
    state : callable or None
        Function of a Julian date (TDB) that returns position and velocity of the spacecraft, km
        and km/s.
    """

    layout: str = next(iter(LAYOUTS))
    assemble: bool = False
    trim: bool = False
    name: str = _one_of("stem", "hlsp", "spoc")
    segment: str | None = None
    uncertainty: bool = False
    quality: bool = False
    pedestal: str = _one_of(*choices_at("pedestal"))
    linearity: str = _one_of(*choices_at("linearity"), "none")
    smear: str = _one_of(*choices_at("smear"))
    undershoot: bool = False
    keep_cosmic_rays: bool = False
    time_corrections: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    state: Any = None

    def __attrs_post_init__(self) -> None:
        """Refuse options that exclude each other."""
        if self.layout not in LAYOUTS:
            raise UsageError(f"there is no layout {self.layout}: {', '.join(LAYOUTS)}")
        layout = LAYOUTS[self.layout]
        if self.assemble and not layout.holds_cameras:
            raise UsageError(f"the layout {self.layout} holds one CCD, not a camera frame")
        if self.name not in layout.names:
            raise UsageError(
                f"in the layout {self.layout} --name is {' or '.join(layout.names)}, "
                f"not {self.name}"
            )
        if self.assemble and (self.uncertainty or self.quality or self.name == "hlsp"):
            raise UsageError("a camera frame has no extensions, and no HLSP name")

    @property
    def plain(self) -> bool:
        """Whether all options have their defaults."""
        return self == Product()

    @property
    def needs_variance(self) -> bool:
        """Whether the frame needs its variance."""
        return self.uncertainty or LAYOUTS[self.layout].holds_variance

    @property
    def needs_errors(self) -> bool:
        """Whether the models need their errors."""
        return self.needs_variance or self.smear == "mission"

    @property
    def not_for_targets(self) -> tuple[str, ...]:
        """Options that are set but do not apply to target pixel files.

        Options of steps, errors and flags apply.  Structure and times are the input's, except the
        correction of the mission's late clock.
        """
        kept: Any = ("spoc",) if "spoc" in self.time_corrections else ()
        plain = Product(time_corrections=kept)
        return tuple(
            option
            for field, option in _OF_IMAGES.items()
            if getattr(self, field) != getattr(plain, field)
        )


def steps_for(models: Models, product: Product, without: tuple[str, ...] = ()) -> Pipeline:
    """Compose the steps that a product needs.

    Parameters
    ----------
    models : Models
        Models of the CCD.
    product : Product
        Options of the product.
    without : tuple of str
        Names of the standard steps to leave out.

    Returns
    -------
    Pipeline
        The six steps, with replacements and additions from the options.

    Raises
    ------
    ValueError
        If a step to leave out is not one of the six.

    Examples
    --------
    >>> from tica_fn import neutral_models
    >>> from tica_fn.products.options import Product, steps_for
    >>> steps = steps_for(neutral_models(2, 3), Product(linearity="poc", layout="spoc"))
    >>> [step.name for step in steps.steps][3:6]
    ['correct_poc_linearity', 'subtract_smear', 'divide_flat']
    """
    from tica_fn.pipeline.compose import compose

    unknown = set(without) - set(STANDARD_ORDER)
    if unknown:
        raise ValueError(f"no such step: {', '.join(sorted(unknown))}")
    left_out = {row.place for row in TABLE if row.name in without}
    rows = (row for row in TABLE if _has(product, row) and row.place not in left_out)
    return compose(*(row.maker(models) for row in rows))


def _has(product: Product, row: Row) -> bool:
    """Tell whether a product needs a step."""
    optional = {
        "undershoot": product.undershoot,
        "live_time": LAYOUTS[product.layout].per_second,
        "variance": product.needs_variance,
    }
    if row.choice:
        return bool(getattr(product, row.place) == row.choice)
    return row.standard or optional.get(row.place, False)


_OF_IMAGES = {
    "layout": "--layout",
    "assemble": "--assemble",
    "trim": "--trim",
    "name": "--name",
    "segment": "--orbit-segment",
    "time_corrections": "--time-correction",
    "state": "--ephemeris",
}
