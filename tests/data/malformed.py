"""Malformed files, made from good ones of every kind, and what a reader may answer."""

import functools
import gzip
import io
import random
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat

CANARY = "Zzyzx"
KS2 = (
    "RECTYPE,LEA,ESTAB,URN,SCHNAME,TELIG,PTRWM_EXP,PTRWM_EXP_17\n"
    f"1,850,2031,139548,{CANARY} School,24,65%,60%\n1,850,2045,144882,Sun Hill,NEW,,\n"
    "1,850,2046,144883,Far Hill,9,SUPP,NP\n3,850,,,Hampshire,999,66%,61%\n"
)
PUPILS = f"upn,urn,year,sen,maths\n{CANARY}1,990001,2018,K,101\n{CANARY}2,990002,2018,N,99\n"
TRIAL = "pupil,school,arm,pre,post,day\n" + "".join(
    f"{CANARY}{i},S{i % 4},{'new' if i % 2 else 'usual'},{90 + i},{100 - i},2024-09-{i + 1:02d}\n"
    for i in range(12)
)
FIXTURES = {
    "ks2": KS2,
    "pupils": PUPILS,
    "table": TRIAL,
    "participation": f"urn,programme,start,end\n990001,{CANARY},2018,\n990002,lamp,2018,2019\n",
    "statistics": f"time_period,geographic_level,n\n202223,{CANARY},5\n201819,{CANARY},c\n",
    "establishments": f"URN,EstablishmentName,NumberOfPupils\n990001,{CANARY},9\n990002,Hill,8\n",
    "official": f"URN,NOR,NORG,NORB,PNUMFSM\n990001,100,50,50,SUPP\n990002,{CANARY},1,2,3\n",
}
CELLS = (
    *("", " ", "SUPP", "65%", "NaN", "inf", "-inf", "1e308", "1e999", "-1e308", "0x1F", "1_000"),
    *('"', "'", ",", ";", "\t", "\n", "\r", "\x00", "\ufeff", "\x1a", "−1", "١٢", "²", "½"),
    *("31/02/2018", "2018-13-45", "00/00/0000", "9999-99-99", "12.03.2018", "=1+1", "=cmd|'x'!A1"),
    *("@SUM(A1)", "+44 20", "-", "1,234,5", "1.234,5", "9" * 400, "A" * 100_000, "\ud7ff"),
    "\U0001f600",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1", "cp037", "utf-32")
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "'
    + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '"><!ENTITY d "' + "&c;" * 50
    + '"><!ENTITY e "' + "&d;" * 50 + '">]><a><b><c>&e;</c></b></a>'
)  # fmt: skip


def spoiled(seed):
    """Return the reader, the content and the suffix of the malformed file of a number."""
    rng = random.Random(seed)
    reader = rng.choice(list(FIXTURES))
    text = FIXTURES[reader]
    rows = [line.split(",") for line in text.strip().split("\n")]
    for _ in range(rng.randint(0, 4)):
        _spoil_rows(rng, rows)
    end = rng.choice(["\n", "\r\n", "\r", "\n\r", "\r\r\n"])
    mark = rng.choice([",", ",", ",", ";", "\t", "|"])
    lines = [mark.join(row) for row in rows]
    if rng.random() < 0.2:  # mixed line ends
        raw_text = "".join(line + rng.choice(["\n", "\r\n", "\r"]) for line in lines)
    else:
        raw_text = end.join(lines)
    how = rng.choice(["text"] * 6 + list(PACKED))
    if how == "text":
        raw = raw_text.encode(rng.choice(ENCODINGS), "replace")
    else:
        raw = PACKED[how](rows, raw_text)
    if rng.random() < 0.35:
        raw = _spoil_bytes(rng, raw)
    return reader, raw, rng.choice([".csv", ".xlsx", ".parquet", ".xml", ".sav", ""])


def _spoil_rows(rng, rows):
    row = rng.choice(rows)
    what = rng.choice(
        ["cell", "cell", "cut", "more", "twice", "drop", "names", "wide", "blank", "title"]
    )
    if what == "cell" and row:
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    elif what == "cut":
        del row[rng.randint(0, len(row)) :]
    elif what == "more":
        row += [rng.choice(CELLS)] * rng.randint(1, 3)
    elif what == "twice":
        rows.append(list(row))
    elif what == "drop" and len(rows) > 1:
        rows.remove(row)
    elif what == "names" and rows[0]:
        rows[0][rng.randrange(len(rows[0]))] = rng.choice(
            [rows[0][0], "", "Surname", "1", CELLS[9]]
        )
    elif what == "wide" and rng.random() < 0.1:
        for each in rows:
            each += ["7"] * 10_000
    elif what == "blank":
        rows.insert(rng.randrange(len(rows) + 1), [""] * len(row))
    elif what == "title":
        rows.insert(0, ["Our own file"])


def _spoil_bytes(rng, raw):
    place = rng.randint(0, len(raw))
    what = rng.choice(["cut", "put", "swap", "double", "flip"])
    if what == "cut":
        return raw[:place]
    if what == "put":
        return (
            raw[:place]
            + rng.choice([b"\0", b"\xff", b'"', b"\x1a", b"\xfe\xff", b"PK"])
            + raw[place:]
        )
    if what == "double":
        return raw + raw
    if what == "swap":
        return raw[place:] + raw[:place]
    made = bytearray(raw)
    for _ in range(rng.randint(1, 8)):
        if made:
            made[rng.randrange(len(made))] = rng.randrange(256)
    return bytes(made)


def _zip(rows, text):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", text)
    return made.getvalue()


def _book(rows, text):
    made, book = io.BytesIO(), openpyxl.Workbook()
    for row in rows[:50]:
        cells = [cell[:30_000] for cell in row[:200]]
        book.active.append(["".join(c for c in cell if c >= " ") for cell in cells])
    book.save(made)
    return made.getvalue()


def _frame(rows):
    names = [name or f"x{i}" for i, name in enumerate(dict.fromkeys(rows[0]))] or ["x"]
    width = len(names)
    body = [[*row[:width], *[""] * (width - len(row))] for row in rows[1:] or [[]]]
    return pd.DataFrame(body, columns=names)


def _parquet(rows, text):
    made = io.BytesIO()
    _frame(rows).to_parquet(made)
    return made.getvalue()


def _spss(rows, text):
    frame = _frame([row[:20] for row in rows]).map(lambda cell: cell.replace("\0", "")[:200])
    frame.columns = [f"v{i}" for i in range(frame.shape[1])]
    with tempfile.NamedTemporaryFile(suffix=".sav") as file:
        pyreadstat.write_sav(frame, file.name)
        return Path(file.name).read_bytes()


def _xml(rows, text):
    tags = [f"c{i}" for i in range(len(rows[0]))]
    safe = [["".join(c for c in cell if c.isalnum()) for cell in row] for row in rows]
    pupils = ("".join(f"<{t}>{c}</{t}>" for t, c in zip(tags, row, strict=False)) for row in safe)
    return f"<f>{''.join(f'<Pupil>{pupil}</Pupil>' for pupil in pupils)}</f>".encode()


@functools.cache
def _zip_bomb():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "0" * 150_000_000)
    return made.getvalue()


@functools.cache
def _gzip_bomb():
    return gzip.compress(b"1\n" * 75_000_000)


PACKED = {
    "gzip": lambda rows, text: gzip.compress(text.encode("utf-8", "replace")),
    "zip": _zip,
    "book": _book,
    "parquet": _parquet,
    "spss": _spss,
    "xml": _xml,
    "zip bomb": lambda rows, text: _zip_bomb(),
    "gzip bomb": lambda rows, text: _gzip_bomb(),
    "xml bomb": lambda rows, text: BOMB.encode(),
}
