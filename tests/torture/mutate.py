"""Mutations that know how files are made: cards, sizes, blocks, names; and bytes at random."""

import re
import struct

BLOCK, CARD = 2880, 80
NUMBERS = (
    "-1", "0", "1", "2", "3", "-32", "8", "16", "-64", "7", "99", "2079", "4156", "-2880",
    "65537", "2147483648", "4294967296", "999999999999", "9223372036854775807",
    "99999999999999999999", "1E400", "-1E400", "NaN", "Infinity", "1.5", "0.0", "-0.0", "1E-320",
    "T", "F", "''", "'x'", "' 3 '", "'''", "'unended", "(1.0, 2.0)", "0x10", "", "  /", "1 2",
    "2084.0", "1D5",
)  # fmt: skip
SIZES = ("BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT", "TFIELDS", "BZERO",
         "BSCALE", "BLANK", "NEXTEND", "ZNAXIS1", "ZNAXIS2", "ZBITPIX", "ZTILE1", "ZTILE2",
         "THEAP", "EXTEND", "SIMPLE", "XTENSION", "GROUPS", "ZCMPTYPE", "ZIMAGE")  # fmt: skip


def headers_of(data):
    """Where the headers of a FITS file lie: start and stop of each."""
    found, start = [], 0
    while start < len(data) and (start == 0 or data[start : start + 8] == b"XTENSION"):
        stop = start
        while stop < len(data):
            block = data[stop : stop + BLOCK]
            stop += BLOCK
            if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, CARD)):
                break
        found.append((start, stop))
        cards = {
            bytes(data[i : i + 8]).strip(): bytes(data[i + 10 : i + 40]).split(b"/")[0].strip()
            for i in range(start, stop, CARD)
        }
        try:
            axes = [int(cards[b"NAXIS%d" % n]) for n in range(1, int(cards[b"NAXIS"]) + 1)]
            size = abs(int(cards[b"BITPIX"])) // 8 * int(cards.get(b"GCOUNT", b"1"))
            count = 1
            for axis in axes:
                count *= axis
            size *= int(cards.get(b"PCOUNT", b"0")) + (count if axes else 0)
        except (KeyError, ValueError):
            break
        start = stop + max(-(-size // BLOCK), 0) * BLOCK
    return found


def mutate_fits(data, rng):
    """One to three changes; what was changed, in words."""
    data = bytearray(data)
    said = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        headers = headers_of(bytes(data))
        if not headers:
            return mutate_bytes(data, rng)
        start, stop = rng.choice(headers)
        places = [i for i in range(start, min(stop, len(data)), CARD) if data[i : i + 8].strip()]
        kind = rng.choice(("value",) * 8 + ("size",) * 6 + ("drop", "double", "swap", "name",
                          "byte", "cut", "append", "end", "insert", "bits"))  # fmt: skip
        if not places:
            kind = "cut"
        place = rng.choice(places) if places else 0
        name = bytes(data[place : place + 8]).decode("latin-1").strip()
        if kind == "size":
            wanted = [i for i in places if data[i : i + 8].strip().decode("latin-1") in SIZES]
            if wanted:
                place = rng.choice(wanted)
                name = bytes(data[place : place + 8]).decode("latin-1").strip()
            kind = "value"
        if kind == "value":
            value = rng.choice(NUMBERS)
            data[place : place + CARD] = f"{name:<8}= {value:>20}".encode().ljust(CARD)[:CARD]
            said.append(f"{name} = {value}")
        elif kind == "drop":
            data[place : place + CARD] = b" " * CARD
            said.append(f"no {name}")
        elif kind in ("double", "swap"):
            other = rng.choice(places)
            first, second = bytes(data[place : place + CARD]), bytes(data[other : other + CARD])
            data[other : other + CARD] = first
            if kind == "swap":
                data[place : place + CARD] = second
            said.append(f"{kind} {name}")
        elif kind == "name":
            new = rng.choice((*SIZES, "END", "CONTINUE", "HIERARCH", "COMMENT", "exposure", "A B"))
            data[place : place + 8] = new.encode().ljust(8)[:8]
            said.append(f"{name} named {new}")
        elif kind == "byte":
            where = rng.randrange(start, min(stop, len(data)))
            data[where] = rng.choice((0, 9, 10, 13, 127, 200, 255, 39, 47))
            said.append(f"byte {where} is {data[where]}")
        elif kind == "cut":
            near = rng.choice((start, stop, len(data), rng.randrange(len(data) + 1)))
            size = max(0, min(len(data), near + rng.choice((-BLOCK, -80, -1, 0, 1, BLOCK))))
            del data[size:]
            said.append(f"cut to {size}")
        elif kind == "append":
            data += rng.choice(
                (bytes(1), bytes(BLOCK), b"XTENSION" + bytes(100), bytes(data[:BLOCK]))
            )
            said.append("more behind it")
        elif kind == "end":
            ends = [
                i for i in range(start, min(stop, len(data)), CARD) if data[i : i + 4] == b"END "
            ]
            for i in ends:
                data[i : i + CARD] = rng.choice((b"END     x", b" " * 8, b"END=    ")).ljust(CARD)
            said.append("END changed")
        elif kind == "insert":
            data[start + CARD : start + CARD] = b" " * BLOCK
            said.append("a block of blanks")
        else:
            where = rng.randrange(len(data)) if data else 0
            for i in range(where, min(where + rng.choice((1, 8, 1000)), len(data))):
                data[i] ^= rng.randrange(1, 256)
            said.append(f"bits at {where}")
        if not data:
            break
    return bytes(data), "; ".join(said)


def mutate_bytes(data, rng):
    """Changes of a file of any kind: bits, numbers of 1 to 8 bytes, pieces moved, cut, doubled."""
    data = bytearray(data)
    said = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not data:
            break
        where = rng.randrange(min(len(data), rng.choice((512, 4096, len(data)))))
        kind = rng.choice(("bit", "number", "cut", "double", "zero", "gone"))
        if kind == "bit":
            data[where] ^= 1 << rng.randrange(8)
        elif kind == "number":
            form, value = rng.choice((("B", 255), ("<H", 65535), ("<I", 2**32 - 1), ("<q", -1),
                                      ("<Q", 2**63), ("<I", 2**31), ("<Q", 10**12)))  # fmt: skip
            piece = struct.pack(form, value)
            data[where : where + len(piece)] = piece
        elif kind == "cut":
            del data[where:]
        elif kind == "double":
            data[where:where] = data[where : where + rng.choice((1, 16, 1000))]
        elif kind == "zero":
            stop = min(where + rng.choice((4, 64, 4096)), len(data))
            data[where:stop] = bytes(stop - where)
        else:
            del data[where : where + rng.choice((1, 8, 1000))]
        said.append(f"{kind} at {where}")
    return bytes(data), "; ".join(said)


def mutate_text(data, rng):
    """Changes of words and numbers in a text, and sometimes of its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    words = list(re.finditer(rb"[\w.+-]+", data))
    if not words:
        return mutate_bytes(data, rng)
    said = []
    for _ in range(rng.choice((1, 1, 2))):
        word = rng.choice(words)
        new = rng.choice((*NUMBERS, "null", "[]", "{}", "../../etc/passwd", "é", "\0")).encode()
        said.append(f"{word[0][:20].decode('latin-1')} is {new.decode()!r}")
        data = data[: word.start()] + new + data[word.end() :]
        words = list(re.finditer(rb"[\w.+-]+", data)) or words
    return data, "; ".join(said)
