"""Reads the files of samples that Bailiwick's session collectors write (version 1).

    for sample in bailiwick_columnar.read(data).samples():
        for row in sample.rows["process"]:
            print(sample.time, row["name"], row["cpu"])

or, as a program, one JSON object per sample:

    python3 bailiwick_columnar.py FILE

The layout is described in `sdk/report/src/columnar.rs`. Only Python's standard library (3.9 or
later) is needed; for compressed files also one of: `compression.zstd` (in Python since 3.14),
the package `zstandard`, or the program `zstd`. Whatever is wrong with a file raises `Damaged`.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass

MAGIC = b"BWC"
VERSION = 1
PURPOSE = b"bailiwick columnar 1\n"
KINDS = ("text", "boolean", "unsigned", "signed", "timestamp")
PRIVACIES = ("none", "device", "personal")
# Bounds of what a file may ask this program to hold.
MOST_BODY = 64 * 1024 * 1024
MOST_SAMPLES = 4_096
MOST_ROWS = 1_000_000
MASK = (1 << 64) - 1


class Damaged(ValueError):
    """The bytes are no file of this version, or were changed."""


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    unit: str
    quantum: int
    privacy: str


@dataclass(frozen=True)
class Collection:
    name: str
    key_fields: int
    fields: tuple


@dataclass(frozen=True)
class Sample:
    """Its time in milliseconds since 1970-01-01T00:00:00Z, and per collection its rows in the
    order of their keys: dictionaries without the fields that have no value."""

    time: int
    rows: dict


class _Input:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, length):
        end = self.at + length
        if end > len(self.data):
            raise Damaged("the bytes end in the middle of a value")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        number, shift = 0, 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                raise Damaged("a varint holds more than 64 bits")
        if number > MASK or (byte == 0 and shift):
            raise Damaged("a varint is too large, or not in its shortest form")
        return number

    def signed(self):
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def run(self):
        return self.take(self.varint())

    def text(self):
        return _utf8(self.run())

    def ended_text(self):
        end = self.data.find(b"\xff", self.at)
        if end < 0:
            raise Damaged("a text does not end")
        text = _utf8(self.data[self.at : end])
        self.at = end + 1
        return text

    def end(self):
        if self.at != len(self.data):
            raise Damaged("bytes are left over")


def _utf8(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Damaged("a text is not UTF-8") from None


class _Column:
    def __init__(self, field, body):
        self.field = field
        self.numbers = _Input(body.run())
        self.texts = _Input(body.run()) if field.kind == "text" else _Input(b"")
        self.known = []

    def value(self, before):
        """The next value, and its number in units for the next difference."""
        if self.field.kind == "text":
            index = self.numbers.varint()
            if index == len(self.known):
                self.known.append(self.texts.ended_text())
            if index >= len(self.known):
                raise Damaged("a text that was not there before")
            return self.known[index], before
        if self.field.kind == "boolean":
            number = self.numbers.varint()
            if number > 1:
                raise Damaged("a boolean is neither 0 nor 1")
            return bool(number), before
        units = (before + self.numbers.signed()) & MASK
        quantum = max(self.field.quantum, 1)
        if self.field.kind == "signed":
            number = (units - (1 << 64) if units >> 63 else units) * quantum
            fits = -(1 << 63) <= number < 1 << 63
        else:
            number = units * quantum
            fits = number <= MASK
        if not fits:
            raise Damaged("a number has more than 64 bits")
        return number, units

    def units(self, value):
        if value is None or self.field.kind in ("text", "boolean"):
            return 0
        quantum = max(self.field.quantum, 1)
        return (abs(value) // quantum * (1 if value >= 0 else -1)) & MASK

    def end(self):
        self.numbers.end()
        self.texts.end()


class _Columns:
    """The columns of one collection, and its rows in the sample that was read last."""

    def __init__(self, shape, body):
        self.shape = shape
        self.counts, self.gone, self.gaps = (_Input(body.run()) for _ in range(3))
        self.set, self.cleared, self.given = (_Input(body.run()) for _ in range(3))
        self.fields = [_Column(field, body) for field in shape.fields]
        self.rows = []

    def mask(self, run):
        bits = run.varint()
        if bits >> (len(self.fields) - self.shape.key_fields):
            raise Damaged("a bit stands for no field")
        return bits

    def key(self, row):
        return tuple(row[: self.shape.key_fields])

    def next(self):
        gone, new, changed = (self.counts.varint() for _ in range(3))
        if gone + changed > len(self.rows) or new > MOST_ROWS:
            raise Damaged("more rows than there can be")
        fresh = self.new_rows(new)
        stay, at = [], 0
        for _ in range(gone):
            end = at + self.gone.varint()
            if end >= len(self.rows):
                raise Damaged("a row is gone that was not there")
            stay += self.rows[at:end]
            at = end + 1
        stay += self.rows[at:]
        at = 0
        for _ in range(changed):
            at += self.gaps.varint()
            if at >= len(stay):
                raise Damaged("a row changed that was not there")
            stay[at] = self.changed_row(stay[at])
            at += 1
        # Text in the order of its bytes, as the writer sorts.
        self.rows = sorted(stay + fresh, key=lambda row: [_ordered(part) for part in self.key(row)])
        keys = [self.key(row) for row in self.rows]
        if any(one == other for one, other in zip(keys, keys[1:])):
            raise Damaged("two rows have one key")
        return [self.named(row) for row in self.rows]

    def new_rows(self, count):
        rows, before = [], [0] * len(self.fields)
        for _ in range(count):
            given, row = self.mask(self.given), []
            for index, column in enumerate(self.fields):
                bit = index - self.shape.key_fields
                if bit >= 0 and not given >> bit & 1:
                    row.append(None)
                    continue
                value, before[index] = column.value(before[index])
                row.append(value)
            rows.append(row)
        return rows

    def changed_row(self, old):
        set_bits, cleared = self.mask(self.set), self.mask(self.cleared)
        row = list(old)
        for bit in range(len(self.fields) - self.shape.key_fields):
            index = bit + self.shape.key_fields
            if cleared >> bit & 1:
                row[index] = None
            elif set_bits >> bit & 1:
                column = self.fields[index]
                row[index], _ = column.value(column.units(old[index]))
        return row

    def named(self, row):
        pairs = zip(self.shape.fields, row)
        return {field.name: value for field, value in pairs if value is not None}

    def end(self):
        for run in (self.counts, self.gone, self.gaps, self.set, self.cleared, self.given):
            run.end()
        for column in self.fields:
            column.end()


def _ordered(part):
    return part.encode() if isinstance(part, str) else part


def _decompress(data):
    try:
        from compression import zstd
    except ImportError:
        zstd = None
    if zstd is not None:
        decompressor = zstd.ZstdDecompressor()
        try:
            body = decompressor.decompress(data, max_length=MOST_BODY + 1)
        except zstd.ZstdError as error:
            raise Damaged(f"the body does not decompress: {error}") from None
        if not decompressor.eof and len(body) <= MOST_BODY:
            raise Damaged("the body does not decompress: it is cut")
        return body
    try:
        import zstandard
    except ImportError:
        return _decompress_by_program(data)
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return reader.read(MOST_BODY + 1)
    except zstandard.ZstdError as error:
        raise Damaged(f"the body does not decompress: {error}") from None


def _decompress_by_program(data):
    command = ["zstd", "-dc", "--quiet", "--memory=16MB"]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        message = "the file is compressed: install the package `zstandard` or the program `zstd`"
        raise RuntimeError(message) from error
    # A file is some kilobytes: the pipe takes it whole, or the program reads it.
    with child:
        try:
            child.stdin.write(data)
            child.stdin.close()
        except BrokenPipeError:
            pass
        body = child.stdout.read(MOST_BODY + 1)
        if len(body) > MOST_BODY:
            child.kill()
            return body
        reason = child.stderr.read().decode(errors="replace").strip()
    if child.returncode:
        raise Damaged(f"the body does not decompress: {reason}")
    return body


def _schema(body):
    count = body.varint()
    if not 1 <= count <= 64:
        raise Damaged("the schema has no or too many collections")
    return tuple(_collection(body) for _ in range(count))


def _collection(body):
    name, key_fields, count = body.text(), body.byte(), body.varint()
    if not 1 <= count <= 64 or key_fields > count:
        raise Damaged("a collection has no, too many, or more key fields than fields")
    return Collection(name, key_fields, tuple(_field(body) for _ in range(count)))


def _field(body):
    name, kind, unit, quantum, privacy = (
        body.text(),
        body.byte(),
        body.text(),
        body.varint(),
        body.byte(),
    )
    if kind >= len(KINDS) or privacy >= len(PRIVACIES):
        raise Damaged("a field is of a kind that this version does not know")
    return Field(name, KINDS[kind], unit, quantum, PRIVACIES[privacy])


class File:
    """What a file tells before its rows: `plugin`, `version`, `session` (`number#generation`, or
    empty), `schema` (collections) and `times` (one per sample)."""

    def __init__(self, body):
        body = _Input(body)
        self.plugin, self.version, self.session = body.text(), body.text(), body.text()
        self.schema = _schema(body)
        count = body.varint()
        if count > MOST_SAMPLES:
            raise Damaged("more samples than a file can have")
        self.times = []
        for _ in range(count):
            difference = body.signed() if self.times else body.varint()
            self.times.append(((self.times[-1] if self.times else 0) + difference) & MASK)
        self._body = body

    def samples(self):
        """The samples, the oldest first; one is in memory at a time."""
        body = _Input(self._body.data, self._body.at)
        collections = [_Columns(shape, body) for shape in self.schema]
        body.end()
        for time in self.times:
            yield Sample(time, {each.shape.name: each.next() for each in collections})
        for each in collections:
            each.end()


def read(data):
    """A file's header, from its bytes."""
    if data[:3] != MAGIC or len(data) < 5:
        raise Damaged("these bytes are no file of samples: they don't begin with `BWC`")
    if data[3] != VERSION:
        raise Damaged(f"the file has version {data[3]}; this program reads version 1")
    if data[4] > 1:
        raise Damaged("a flag is set that this version does not know")
    body = _decompress(data[5:]) if data[4] else data[5:]
    if len(body) > MOST_BODY:
        raise Damaged(f"the body takes more than {MOST_BODY} bytes")
    body, checksum = body[:-8], body[-8:]
    if hashlib.sha256(PURPOSE + body).digest()[:8] != checksum:
        raise Damaged("the file is damaged: its checksum does not match")
    return File(body)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: bailiwick_columnar.py FILE")
    with open(sys.argv[1], "rb") as source:
        file = read(source.read())
    for sample in file.samples():
        line = {
            "plugin": file.plugin,
            "version": file.version,
            "session": file.session,
            "time": sample.time,
            "rows": sample.rows,
        }
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    try:
        main()
    except (Damaged, OSError, RuntimeError) as error:
        sys.exit(f"bailiwick_columnar: {error}")
