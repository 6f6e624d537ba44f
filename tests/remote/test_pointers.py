"""The pointers and links in ``calibration_models``."""

import shutil
from pathlib import Path

import attrs
import pytest

from tica_fn.errors import BadFileError
from tica_fn.remote.exposures import EXPOSURES, FLAT_OUTPUT
from tica_fn.remote.pointers import known_outputs, pointer_text, read_listing, read_pointers

MODELS = Path(__file__).parents[2] / "calibration_models"


def test_the_folder_holds_the_versions_that_the_package_knows():
    assert read_pointers(MODELS) == known_outputs()
    for name, output in known_outputs().items():
        assert (MODELS / f"{name}.dvc").read_text() == pointer_text(output)


def test_the_regression_set_is_that_of_reg_test():
    known = known_outputs("regression_outputs")
    found = read_pointers(MODELS.parent / "reg_test")
    assert {f"reg_test/{name}": output for name, output in found.items()} == {
        name: attrs.evolve(output, name=output.name.removeprefix("reg_test/"))
        for name, output in known.items()
    }


def test_dvc_reads_them_and_the_projects_remote(kit, tmp_path):
    shutil.copytree(MODELS, tmp_path / "calibration_models", symlinks=True)
    shutil.copytree(MODELS.parent / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("tmp"))
    kit.dvc(tmp_path, "config", "core.no_scm", "true")
    stages = kit.dvc(tmp_path, "stage", "list", "--all").splitlines()
    tracked = {line.split()[0] for line in stages}
    assert tracked == {f"calibration_models/{name}.dvc" for name in known_outputs()}
    assert kit.dvc(tmp_path, "remote", "list").split() == [
        "tica", "https://tess.mit.edu/public/tica/", "(default)",
    ]  # fmt: skip


def test_the_regression_set_of_tica_has_its_pointers():
    folder = MODELS.parent / "reg_test"
    found = read_pointers(folder)
    assert {name: (out.md5, out.size_bytes, out.files) for name, out in found.items()} == {
        "input": ("88d32763d60dc582c0d301c75ee9e58f", 127_624_273, 16),
        "output_checks": ("42b10b3d790f6dd22979dae9e3480ad3", 243_513_003, 16),
        "ref_stars": ("d7f2ecc6b7c0c23b9444d56cfea3eef6", 1_678_939, 16),
    }
    for name, output in found.items():
        assert (folder / f"{name}.dvc").read_text() == pointer_text(output)


def test_each_exposure_has_its_folder_of_links():
    for one in EXPOSURES:
        folder = MODELS / one.folder
        if not folder.is_dir():
            pytest.skip("links to what is not there are in a checkout, not in an sdist")
        assert (folder / "twodbias").readlink() == Path("..") / one.bias_output
        assert (folder / "flatfields").readlink() == Path("..") / FLAT_OUTPUT
        assert one.bias_output in known_outputs()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outs: 3\n",
        "outs:\n- md5: 1\n  path: a\n",
        "outs: [",
        "outs:\n- md5: aa.dir\n  path: a\n",
    ],
)
def test_what_is_no_pointer_is_named(tmp_path, text):
    (tmp_path / "a.dvc").write_text(text)
    with pytest.raises(BadFileError, match=r"a\.dvc: "):
        read_pointers(tmp_path)


def test_pointers_of_single_files_are_passed_over(tmp_path):
    (tmp_path / "one.dvc").write_text(f"outs:\n- md5: {'0' * 32}\n  size: 3\n  path: one\n")
    text = f"md5: {'2' * 32}\nfrozen: true\nouts:\n- md5: {'1' * 32}.dir\n  path: many\n"
    (tmp_path / "many.dvc").write_text(text)
    found = read_pointers(tmp_path)
    assert list(found) == ["many"]
    assert found["many"].md5 == "1" * 32


def test_a_folder_without_pointers_is_named(tmp_path):
    with pytest.raises(BadFileError, match="no DVC pointer files"):
        read_pointers(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}}", '[{"md5": "../../etc/passwd", "relpath": "a"}]', '[{"relpath": "a"}]', "3"]
)
def test_what_is_no_listing_is_named(tmp_path, text):
    path = tmp_path / "listing"
    path.write_text(text)
    with pytest.raises(BadFileError, match="server: not a DVC directory listing"):
        read_listing(path, "server")
