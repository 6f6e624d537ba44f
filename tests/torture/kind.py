"""A kind of file that is tortured."""

from pathlib import Path

import attrs


@attrs.frozen
class Kind:
    """A good file, where a copy of it is read from, and how it is read and mutated."""

    name: str
    file: str
    data: bytes
    read: object
    mutate: object
    pixels: bool = False
    weight: int = 4


def without_sums(data):
    """Bytes of a FITS file without its checksums, so that mutations get behind them."""
    data = bytearray(data)
    for keyword in (b"CHECKSUM", b"DATASUM "):
        place = data.find(keyword)
        while place >= 0:
            if place % 80 == 0:
                data[place : place + 80] = b" " * 80
            place = data.find(keyword, place + 1)
    return bytes(data)


def place_of(kind, folder):
    """Where the copy of a kind is put."""
    path = Path(kind.file) if Path(kind.file).is_absolute() else folder / "work" / kind.file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
