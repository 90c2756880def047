#!/usr/bin/env python3
"""Writes Sources/MLLMRuntime/Tokenizer/UnicodeTables.swift: what the pinned tokenizers library knows of Unicode.

Its normaliser and its regular expressions carry their own, different versions of Unicode, so both are asked about every
code point; the values of mappings and combining classes, which Unicode never changes, are Python's.

    pip install tokenizers==0.23.3
    python scripts/tools/unicode_tables.py
"""

import pathlib
import textwrap
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

TARGET = pathlib.Path(__file__).resolve().parents[2] / "Sources/MLLMRuntime/Tokenizer/UnicodeTables.swift"
POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
decompose = normalizers.NFD().normalize_str
compose = normalizers.NFC().normalize_str


def base36(number):
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def decompositions():
    """Rows of code point, its one-step mapping, and whether composition gives it back."""
    rows = []
    for point in POINTS:
        one = chr(point)
        if point in HANGUL or decompose(one) == one:
            continue
        mapping = [int(part, 16) for part in unicodedata.decomposition(one).split()]
        assert decompose("".join(map(chr, mapping))) == decompose(one), hex(point)
        rows.append((point, mapping, compose(one) == one))
    return rows


def combining_classes():
    """Ranges of code points with one class other than 0."""
    ranges = []
    for point in POINTS:
        kind = unicodedata.combining(chr(point))
        if not kind:
            continue
        # Reordering against an acute accent (230) or a dot below (220) shows whether the library knows the mark.
        other = "\u0323" if kind == 230 else "\u0301"
        pair = chr(point) + other if kind >= 230 else other + chr(point)
        parts = decompose("a" + pair) if decompose(chr(point)) == chr(point) else "a" + pair[::-1]
        if parts != "a" + pair[::-1]:
            continue
        if ranges and ranges[-1][1] == point - 1 and ranges[-1][2] == kind:
            ranges[-1][1] = point
        else:
            ranges.append([point, point, kind])
    return ranges


def classes():
    """Ranges of letters, numbers and white space as the pre-tokenizer's expressions see them."""
    ranges = {"letters": r"\p{L}", "numbers": r"\p{N}", "spaces": r"\s"}
    for name, expression in ranges.items():
        split = pre_tokenizers.Split(Regex(expression), behavior="isolated", invert=False)
        # One string of all code points with a full stop, which no class holds, between them.
        text = "." + ".".join(map(chr, POINTS)) + "."
        found = [ord(piece) for piece, _ in split.pre_tokenize_str(text) if len(piece) == 1 and piece != "."]
        rows = []
        for point in found:
            if rows and rows[-1][1] == point - 1:
                rows[-1][1] = point
            else:
                rows.append([point, point])
        ranges[name] = rows
    return ranges


def literal(entries):
    lines = textwrap.wrap(" ".join(entries), 100, break_long_words=False, break_on_hyphens=False)
    return '"""\n' + "\n".join("        " + line for line in lines) + '\n        """'


def deltas(rows):
    previous = 0
    for first, *rest in rows:
        yield ",".join(base36(number) if isinstance(number, int) else number for number in (first - previous, *rest))
        previous = first


def main():
    mapped = [(point, *mapping, *([] if back else ["-"])) for point, mapping, back in decompositions()]
    marks = [(first, last - first, kind) for first, last, kind in combining_classes()]
    tables = [
        ("decompositions", "Canonical mappings: code point, first, second; `-` when composition does not give it back.",
         mapped),
        ("combiningClasses", "Canonical combining classes other than 0: first code point, how many follow, class.", marks),
    ]
    titles = {"letters": r"`\p{L}`", "numbers": r"`\p{N}`", "spaces": r"`\s`"}
    for name, rows in classes().items():
        tables.append((name, f"What {titles[name]} matches: first code point, how many follow.",
                       [(first, last - first) for first, last in rows]))
    parts = []
    for name, title, rows in tables:
        parts.append(f"    /// {title}\n    static let {name} = rows(\n        {literal(deltas(rows))}\n    )\n")
    TARGET.write_text(f'''// Written by scripts/tools/unicode_tables.py with tokenizers {tokenizers.__version__}; do not edit.

/// Unicode as the reference's tokenizer library knows it: the mappings of its normaliser (Unicode 9.0) and the
/// classes of its regular expressions (Unicode 16.0), whatever version the Swift runtime has.
///
/// Source: huggingface/tokenizers {tokenizers.__version__}, asked about every code point.
enum UnicodeTables {{
{chr(10).join(parts)}
    /// Rows separated by white space: numbers to the base 36 with commas between them, the first one counted from that
    /// of the row before; `-` reads as -1.
    private static func rows(_ text: StaticString) -> [[Int]] {{
        var previous = 0
        return text.description.split(whereSeparator: \\.isWhitespace).map {{ row in
            var numbers = row.split(separator: ",").map {{ Int($0, radix: 36) ?? -1 }}
            numbers[0] += previous
            previous = numbers[0]
            return numbers
        }}
    }}
}}
''')
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(mapped)} mappings, {len(marks)} ranges of marks")


if __name__ == "__main__":
    main()
