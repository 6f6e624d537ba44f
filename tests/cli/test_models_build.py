"""``tica-fn models build`` from files to a folder that frames are calibrated with."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tica_fn.cli import main
from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError, ModelError
from tica_fn.quality.pixels import Pixel
from tica_fn.simulate import (
    Background,
    full_frame,
    make_models,
    random_stars,
    write_camera_frame,
    write_spoc_raw,
)

FRAMES = 3
SCIENCE = (slice(0, 2048), slice(44, 2092))


def raw(light, seed, **more):
    """Bias of 1000 ADU with a ramp, read noise of 5 ADU, light in ADU on the science pixels."""
    rng = np.random.default_rng(seed)
    pixels = 1000 + np.arange(SHAPE[0])[:, None] / 100 + rng.normal(0, 5, SHAPE)
    response = np.where(np.arange(2048) % 2, 0.9, 1.1)
    pixels[SCIENCE] += light * response
    known = {"camera": 2, "ccd": 3, "exposure_s": 600.0, "coadds": 240.0, "sector": 30}
    return tica_fn.Frame(pixels=np.rint(pixels).astype(np.int32), unit="adu", **(known | more))


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    place = tmp_path_factory.mktemp("stacks")
    files = {}
    for kind, light in (("bias", 0.0), ("flat", 20_000.0)):
        files[kind] = []
        for seed in range(FRAMES):
            path = place / f"{kind}{seed}_ffir.fits"
            write_spoc_raw(raw(light * (1 + 0.2 * seed), seed), path)
            files[kind].append(path)
    return files


@pytest.fixture(scope="module")
def folder(stacks, tmp_path_factory):
    root = tmp_path_factory.mktemp("built") / "calibration_10min"
    (root / "twodbias").mkdir(parents=True)
    (root / "flatfields").mkdir()
    bias = root / "twodbias" / "cam2_ccd3_twoDcorrect.fits"
    flat = root / "flatfields" / "cam2_ccd3_image.fits"
    assert main(["models", "build", "bias", *map(str, stacks["bias"]), "-o", str(bias)]) == 0
    command = ["models", "build", "flat", *map(str, stacks["flat"]), "--bias", str(bias)]
    assert main([*command, "-o", str(flat)]) == 0
    return root


def test_the_built_folder_calibrates(folder, stacks):
    models = tica_fn.load_models(folder, 2, 3)
    assert abs(np.mean(models.bias[:, 0] - 1000 - np.arange(SHAPE[0]) / 100)) < 0.3
    frame = tica_fn.read(stacks["flat"][1])
    out = tica_fn.calibrate(frame, models)
    science = out.pixels[SCIENCE]
    # The response of odd and even columns is gone.
    assert abs(np.median(science[:, ::2]) / np.median(science[:, 1::2]) - 1) < 1e-3


def test_the_files_tell_what_they_are(folder, stacks):
    with fits.open(folder / "twodbias" / "cam2_ccd3_twoDcorrect.fits", checksum=True) as opened:
        header = opened[0].header
        assert (header["CAMERA"], header["CCD"], header["MODEL"]) == (2, 3, "bias")
        assert (header["NFRAMES"], header["MODEXP"], header["BUNIT"]) == (FRAMES, 600.0, "adu")
        assert [*header["HISTORY"]] == [f"from {path.name}" for path in stacks["bias"]]
        assert [hdu.name for hdu in opened[1:]] == ["UNCERTAINTY", "COUNT"]
        assert opened[0].data.dtype == opened[1].data.dtype == ">f4"
        assert abs(np.sqrt(np.mean(opened[1].data ** 2)) / (5 / np.sqrt(FRAMES)) - 1) < 0.05
        assert opened[2].data.max() == FRAMES


def test_what_is_there_is_kept_unless_told(folder, stacks, capsys):
    path = folder / "twodbias" / "cam2_ccd3_twoDcorrect.fits"
    before = path.read_bytes()
    command = ["models", "build", "bias", *map(str, stacks["bias"]), "-o", str(path)]
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main([*command, "--overwrite", "--sigma", "4"]) == 0
    assert fits.getheader(path)["CLIPSIG"] == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bias", "B0", "B1"), "at least three frames, not 2"),
        (("bias", "B0", "B1", "B0"), "given more than once"),
        (("bias", "B0", "B1", "NONE"), "none.fits"),
        (("bias", "B0", "B1", "B2", "--bias", "B0"), "needs no other models"),
        (("flat", "F0", "F1", "F2"), "a flat needs one bias"),
        (("flat", "B0", "B1", "B2", "--bias", "BIAS"), "no light"),
        (("flat", "F0", "F1", "F2", "--bias", "FLAT"), "its MODEL is flat, expected bias"),
        (("flat", "F0", "F1", "F2", "--bias", "F0"), "in the primary HDU"),
        (("flat", "F0", "F1", "F2", "--bias", "TEXT"), "not a readable FITS file"),
    ],
)
def test_what_cannot_be_built_is_one_line_and_no_file(
    folder, stacks, tmp_path, capsys, arguments, message
):
    (tmp_path / "text.fits").write_text("no FITS")
    names = {"NONE": tmp_path / "none.fits", "TEXT": tmp_path / "text.fits"}
    names |= {f"B{n}": path for n, path in enumerate(stacks["bias"])}
    names |= {f"F{n}": path for n, path in enumerate(stacks["flat"])}
    names["BIAS"] = folder / "twodbias" / "cam2_ccd3_twoDcorrect.fits"
    names["FLAT"] = folder / "flatfields" / "cam2_ccd3_image.fits"
    output = tmp_path / "out.fits"
    command = [str(names.get(word, word)) for word in arguments]
    wrong_arguments = ("given more than once", "needs no other models", "a flat needs one bias")
    code = 2 if message in wrong_arguments else 1
    assert main(["models", "build", *command, "-o", str(output)]) == code
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not output.exists()


def test_camera_frames_say_which_ccd(tmp_path, capsys):
    paths = []
    for seed in range(3):
        one = raw(0.0, seed)
        ccds = {ccd: attrs.evolve(one, ccd=ccd) for ccd in (1, 2, 3, 4)}
        path = tmp_path / f"tess{seed}-2-crm-ffi.fits"
        write_camera_frame(ccds, path)
        paths.append(str(path))
    output = tmp_path / "out.fits"
    command = ["models", "build", "bias", *paths, "-o", str(output)]
    assert main(command) == 1
    assert "holds four CCDs" in capsys.readouterr().err
    assert main([*command, "--ccd", "4"]) == 0
    with fits.open(output) as opened:
        assert opened[0].header["CCD"] == 4
        ramp = 1000 + np.arange(SHAPE[0])[:, None] / 100
        assert abs((opened[0].data - ramp).mean()) < 0.3


def test_a_bias_of_frames_with_light_is_told(stacks, tmp_path, capsys):
    assert main(["models", "build", "bias", *map(str, stacks["flat"]),
                 "-o", str(tmp_path / "lit.fits")]) == 0  # fmt: skip
    assert "are not dark" in capsys.readouterr().err
    assert main(["models", "build", "bias", *map(str, stacks["bias"]),
                 "-o", str(tmp_path / "dark.fits")]) == 0  # fmt: skip
    assert "are not dark" not in capsys.readouterr().err


@pytest.mark.parametrize("background", [None, 0.0])
def test_a_bias_of_the_sky_is_told(background, tmp_path, capsys):
    """The sky itself, and stars without a sky, as `tica-fn simulate` makes them."""
    models = make_models(2, 3, 1800)
    stars = random_stars(2000, seed=4, faintest=12.0)
    sky = {} if background is None else {"background": Background(level=0.0)}
    paths = [
        write_spoc_raw(full_frame(models, stars=stars, seed=3, number=n, **sky).frame, tmp_path)
        for n in range(3)
    ]
    output = tmp_path / "bias.fits"
    assert main(["models", "build", "bias", *map(str, paths), "-o", str(output)]) == 0
    assert "are not dark" in capsys.readouterr().err


HOT, DEAD = [(300, 400), (1500, 1999)], [(700, 800)]


def test_a_map_of_bad_pixels_is_built_loaded_used_and_named(folder, tmp_path, capsys):
    files = []
    for seed in range(FRAMES):
        frame = raw(500.0, 50 + seed)
        pixels = np.array(frame.pixels)
        for place in HOT:
            pixels[place] += 400
        pixels[DEAD[0]] -= 400
        pixels[1000, 1000 + seed] += 5000  # A ray in one frame alone.
        files.append(tmp_path / f"lit{seed}_ffir.fits")
        write_spoc_raw(attrs.evolve(frame, pixels=pixels), files[-1])
    models = tmp_path / "calibration_10min"
    models.mkdir()
    for part in ("twodbias", "flatfields"):
        (models / part).symlink_to(folder / part)
    out = tmp_path / "out"
    command = ["calibrate", str(files[0]), "--caldir", str(models), "--outdir", str(out)]
    assert main([*command, "--quality"]) == 0
    map_file = models / "bad-pixels-2-3.fits"
    build = ["models", "build", "badpixels", *map(str, files), "-o", str(map_file)]
    assert main(build) == 2
    assert "give --caldir DIR" in capsys.readouterr().err
    assert main([*build, "--caldir", str(models)]) == 0
    assert "2 hot and 1 dead pixels of camera 2 CCD 3, 3 frames" in capsys.readouterr().out
    loaded = tica_fn.load_models(models, 2, 3)
    assert np.argwhere(loaded.bad_pixels & Pixel.HOT).tolist() == [list(place) for place in HOT]
    assert np.argwhere(loaded.bad_pixels & Pixel.DEAD).tolist() == [list(place) for place in DEAD]
    # The product with flags is of other models now; one without is not.
    assert main([*command, "--quality"]) == 0
    assert "made with other models" in capsys.readouterr().out
    assert main([*command, "--quality"]) == 0
    assert "skipped" in capsys.readouterr().out
    (product,) = out.iterdir()
    frame = tica_fn.read(product)
    assert {tuple(place) for place in np.argwhere(frame.quality & Pixel.HOT).tolist()} == set(HOT)
    assert frame.quality[1000, 1000] & Pixel.COSMIC_RAY
    assert map_file.name in [file.name for file in frame.provenance.files]
    said = map_file.read_bytes()
    map_file.write_bytes(said.replace(b"CCD     =                    3", b"CCD     = %20d" % 4))
    with pytest.raises((ModelError, BadFileError), match="bad-pixels-2-3"):
        tica_fn.load_models(models, 2, 3)
