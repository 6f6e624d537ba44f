"""Simulation of raw frames with a known truth, by inverting the calibration steps."""

from tica_fn.simulate.background import Background
from tica_fn.simulate.camera_frame import camera_frame_name, join_ccds, write_camera_frame
from tica_fn.simulate.electrons import Blemishes, live_seconds, sky_electrons, strap_columns
from tica_fn.simulate.expected_noise import expected_variance
from tica_fn.simulate.instrument import CosmicRays, Instrument, exposures_summed
from tica_fn.simulate.made_models import make_models, write_models
from tica_fn.simulate.psf import Psf
from tica_fn.simulate.readout import Readout, read_out
from tica_fn.simulate.simulated_frame import Motion, Simulated, full_frame, series
from tica_fn.simulate.spoc_raw import spoc_raw_name, write_spoc_raw
from tica_fn.simulate.star_places import catalogue_stars, place_on_ccd, table_stars
from tica_fn.simulate.stars import Stars, electrons_per_s, random_stars
from tica_fn.simulate.target_files import Stamp, write_target
from tica_fn.simulate.truth_file import truth_name, write_truth

__all__ = [
    "Background",
    "Blemishes",
    "CosmicRays",
    "Instrument",
    "Motion",
    "Psf",
    "Readout",
    "Simulated",
    "Stamp",
    "Stars",
    "camera_frame_name",
    "catalogue_stars",
    "electrons_per_s",
    "expected_variance",
    "exposures_summed",
    "full_frame",
    "join_ccds",
    "live_seconds",
    "make_models",
    "place_on_ccd",
    "random_stars",
    "read_out",
    "series",
    "sky_electrons",
    "spoc_raw_name",
    "strap_columns",
    "table_stars",
    "truth_name",
    "write_camera_frame",
    "write_models",
    "write_spoc_raw",
    "write_target",
    "write_truth",
]
