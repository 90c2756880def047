#!/usr/bin/env python3
"""Makes a folder with the published Qwen2 vocabulary, some 120,000 strings and their reference ids.

TokenizerParityTests reads the folder that EDIT_R1_TOKENIZER names; scripts/parity/prepare_tokenizer.sh calls this.
Needs tokenizers, and either dashscope 2.0.2 (qwen.tiktoken) or a folder with vocab.json and merges.txt. With
transformers installed, its Qwen2 tokenizer must give the same ids.

    tokenizer.py FOLDER [--vocabulary QWEN_FOLDER] [--count 120000]

FOLDER gets vocab.json, merges.txt, tokenizer_config.json, manifest.json, and strings.bin and expected.bin, which hold for
each string a 32-bit count followed by as many bytes of UTF-8 or 32-bit ids (little endian).
"""

import argparse
import base64
import glob
import hashlib
import importlib.metadata
import importlib.util
import json
import pathlib
import random
import struct
import sysconfig
import unicodedata

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

SEED = 20261124
BASE_TOKENS = 151643
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "Tests/MLLMRuntimeTests/Fixtures/tokenizer/tokenizer_config.json"

SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 0x1C, 0x1D, 0x1E, 0x1F, 32, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x2010),
                           0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|box_end|>", "<|vision_start|>",
            "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<think>",
            "<|fim_prefix|>", "<|repo_name|>", "<|file_sep|>"]
WORDS = ("the image edit rate score background circle replace colour red blue don't we've I'LL he's they're it'd 'm O'Neil "
         "return def class self import numpy torch == != -> :: /* */ // <a href= </b> https://example.org/?q=1&x=%20 "
         "naïve café Größe señor Ångström façade Übung smörgåsbord œuvre łódź Čeština Magyarország Türkçe ığdır "
         "цвет фона редактирование изображение Київ ђак Ελληνικά εικόνα المحرر صورة تعديل עברית תמונה हिन्दी चित्र "
         "বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം ไทย ภาพ ລາວ မြန်မာ ខ្មែរ አማርኛ ქართული Հայերեն ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ᠮᠣᠩᠭᠣᠯ བོད་ཡིག "
         "編集 画像 背景 图像编辑 颜色 評価してください 日本語テスト カタカナ ﾊﾝｶｸ 한국어 이미지 편집 점수").split()
EMOJI_BASES = list("😀🙂🤷👩👨🧑👍🏳🏴❤✌☝🎉🐈🌍⭐☎✈")
SKIN = [chr(c) for c in range(0x1F3FB, 0x1F400)]
FLAGS = [chr(c) for c in range(0x1F1E6, 0x1F200)]


def byte_alphabet():
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in kept}
    for index, byte in enumerate(byte for byte in range(256) if byte not in table):
        table[byte] = chr(256 + index)
    return table


def from_ranks(path):
    """Vocabulary and merges from a file of base64 tokens and their ranks."""
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    alphabet = byte_alphabet()
    spell = lambda token: "".join(alphabet[byte] for byte in token)
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [token[i:i + 1] for i in range(len(token))]
        # The last merge of a token joins what lower ranks have left of it.
        while len(parts) > 2:
            known = [(ranks.get(parts[i] + parts[i + 1], rank), i) for i in range(len(parts) - 1)]
            lowest, index = min(known)
            if lowest >= rank:
                raise SystemExit(f"tokenizer.py: {path}: rank {rank} cannot be merged from lower ranks")
            parts[index:index + 2] = [parts[index] + parts[index + 1]]
        if len(parts) == 2:
            merges.append((spell(parts[0]), spell(parts[1])))
    return {spell(token): rank for token, rank in ranks.items()}, merges


def vocabulary(folder):
    if folder:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        return json.loads((folder / "vocab.json").read_text(encoding="utf-8")), merges, str(folder)
    # Found without importing the package, whose own dependencies are not needed.
    spec = importlib.util.find_spec("dashscope")
    if spec is None:
        raise SystemExit("tokenizer.py: dashscope is not installed; pip install --no-deps dashscope==2.0.2, "
                         "or name a folder with --vocabulary")
    path = pathlib.Path(spec.origin).parent / "resources/qwen.tiktoken"
    return *from_ranks(path), f"dashscope {importlib.metadata.version('dashscope')}"


def pipeline(entries, merges):
    tokenizer = Tokenizer(models.BPE(vocab=entries, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def scalars():
    """Kinds of code points, by Python's tables; every code point but the surrogates belongs to `any`."""
    kinds = {"mark": [], "digit": [], "number": [], "letter": [], "symbol": [], "control": [], "unassigned": []}
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000:
            continue
        category = unicodedata.category(chr(point))
        kind = {"Nd": "digit", "Cc": "control", "Cf": "control", "Cn": "unassigned"}.get(
            category, {"M": "mark", "N": "number", "L": "letter", "S": "symbol", "P": "symbol"}.get(category[0]))
        # Ideographs and syllables would crowd out all other letters.
        if kind and not (kind == "letter" and (0x3400 <= point < 0xA000 or 0xAC00 <= point < 0xD7A4 or point >= 0x17000)):
            kinds[kind].append(chr(point))
    return kinds


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kinds = scalars()
        self.blocks = [block for block in range(0, 0x110000, 128)
                       if not 0xD800 <= block < 0xE000 and (block < 0x20000 or block % 0x4000 == 0 or block >= 0xE0000)]

    def any_scalar(self):
        return chr(self.random.choice(self.blocks) + self.random.randrange(128))

    def run(self, pick, low=1, high=8):
        return "".join(pick() for _ in range(self.random.randint(low, high)))

    def block(self):
        start = self.random.choice(self.blocks)
        return self.run(lambda: chr(start + self.random.randrange(128)), 1, 12)

    def marks(self):
        choose = self.random.choice
        base = lambda: choose([choose("aeouAEONcs"), choose(self.kinds["letter"]), chr(0xAC00 + self.random.randrange(11172)), ""])
        return self.run(lambda: base() + self.run(lambda: choose(self.kinds["mark"]), 0, 4), 1, 5)

    def hangul(self):
        choose = self.random.choice
        jamo = lambda: chr(choose([0x1100 + self.random.randrange(256), 0x1100 + self.random.randrange(19),
                                   0x1161 + self.random.randrange(21), 0x11A7 + self.random.randrange(28),
                                   0xAC00 + 28 * self.random.randrange(399), 0xAC00 + self.random.randrange(11172),
                                   0xA960 + self.random.randrange(29), 0xD7B0 + self.random.randrange(80),
                                   0x3130 + self.random.randrange(95)]))
        return self.run(jamo, 1, 8)

    def emoji(self):
        choose = self.random.choice
        one = lambda: choose([
            choose(EMOJI_BASES) + choose(["", "\ufe0f", "\ufe0e"]) + choose(["", choose(SKIN)]),
            "\u200d".join(choose(EMOJI_BASES) + choose(["", choose(SKIN), "\ufe0f"]) for _ in range(self.random.randint(2, 4))),
            self.run(lambda: choose(FLAGS), 1, 5), choose("0123456789#*") + "\ufe0f\u20e3",
            "🏴" + self.run(lambda: chr(0xE0061 + self.random.randrange(26)), 2, 5) + "\U000e007f",
            chr(0x1F300 + self.random.randrange(0x700))])
        return self.run(one, 1, 4)

    def special(self):
        token = self.random.choice(SPECIALS)
        cut = self.random.randint(0, len(token))
        return self.random.choice([token, token, token[:cut], token[cut:], token.upper(), token.replace("|", "｜"),
                                   token.replace("|", "| "), "<" + token + ">", token + token, token.replace("_", "_\u200b")])

    def long(self):
        unit = self.random.choice([self.any_scalar, self.block, lambda: self.random.choice(SPACES), lambda: "a", lambda: "=",
                                   self.marks, self.hangul, lambda: self.random.choice(WORDS), lambda: " "])()
        return unit * (self.random.randint(200, 4000) // max(1, len(unit)))

    def piece(self):
        choose = self.random.choice
        return self.random.choices([
            self.block, lambda: self.run(self.any_scalar), self.marks, self.hangul, self.emoji, self.special,
            lambda: self.run(lambda: choose(SPACES)), lambda: self.run(lambda: choose(self.kinds["digit"])),
            lambda: self.run(lambda: choose(self.kinds["number"])), lambda: self.run(lambda: choose(self.kinds["control"]), 1, 4),
            lambda: self.run(lambda: choose(self.kinds["symbol"])), lambda: self.run(lambda: choose(self.kinds["letter"])),
            lambda: self.run(lambda: choose(self.kinds["unassigned"]), 1, 3),
            lambda: self.run(lambda: chr(0xE000 + self.random.randrange(0x1900)), 1, 3),
            lambda: choose(WORDS), lambda: choose(" \n\t'-._,;:!?0123456789") * self.random.randint(1, 3),
            lambda: choose(["'s", "'T", "'rE", "'VE", "'m", "'LL", "'d", "'\u017f", "'ſ", "’s", "'K", "'\u212a"]),
        ], [4, 3, 4, 3, 3, 3, 4, 2, 1, 2, 3, 4, 1, 1, 14, 10, 2])[0]()

    def string(self):
        if self.random.random() < 0.004:
            return self.long()
        return "".join(self.piece() for _ in range(self.random.randint(1, 9)))


def real_text(limit):
    """Lines and paragraphs of texts that every machine with Python has, and of its documentation if it has any."""
    sources = sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py"))
    sources += sorted(glob.glob("/usr/share/common-licenses/*")) + sorted(glob.glob("/usr/share/doc/*/copyright"))[:200]
    sources += sorted(glob.glob("/usr/share/zoneinfo/*.tab")) + sorted(glob.glob("/usr/share/i18n/locales/*"))[:200]
    found = {}
    for source in sources:
        try:
            text = pathlib.Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for part in text.split("\n\n")[:120]:
            found.setdefault(part[:4000])
        for line in text.splitlines()[::7][:60]:
            found.setdefault(line[:1000])
    texts = list(found)
    random.Random(SEED).shuffle(texts)
    return texts[:limit]


def write_lists(path, lists):
    with path.open("wb") as file:
        for count, content in lists:
            file.write(struct.pack("<I", count) + content)


def check_transformers(entries, merges, strings, expected):
    """The version of transformers whose Qwen2 tokenizer gave the same ids, if there is one installed."""
    if importlib.util.find_spec("transformers") is None:
        return None
    from transformers import Qwen2TokenizerFast
    tokenizer = Qwen2TokenizerFast(vocab=entries, merges=merges)
    plain = [index for index, text in enumerate(strings) if "<|endoftext|>" not in text]
    rows = tokenizer([strings[index] for index in plain], add_special_tokens=False)["input_ids"]
    differing = [strings[index] for index, row in zip(plain, rows) if row != expected[index]]
    if differing:
        raise SystemExit(f"tokenizer.py: transformers differs on {len(differing)} strings, first {differing[0]!r}")
    return importlib.metadata.version("transformers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--vocabulary", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=120_000)
    options = parser.parse_args()
    entries, merges, origin = vocabulary(options.vocabulary)
    if len(entries) != BASE_TOKENS:
        raise SystemExit(f"tokenizer.py: {origin} has {len(entries)} entries, not {BASE_TOKENS}")
    strings = real_text(options.count // 4)
    real = len(strings)
    generator = Generator(SEED)
    # Every code point once, between two letters, 64 to a string: normalisation and classes of all of them.
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    strings += ["x".join(points[i:i + 64]) for i in range(0, len(points), 64)]
    strings += ["".join(points[i:i + 16]) for i in range(0, 0x30000, 16)]
    while len(strings) < options.count:
        strings.append(generator.string())
    tokenizer = pipeline(entries, merges)
    expected = [row.ids for row in tokenizer.encode_batch(strings, add_special_tokens=False)]
    transformers = check_transformers(entries, merges, strings, expected)

    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "vocab.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    (options.folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n", encoding="utf-8")
    configuration = json.loads(FIXTURE.read_text(encoding="utf-8"))
    added = sorted(configuration["added_tokens_decoder"].items(), key=lambda item: int(item[0]))
    configuration["added_tokens_decoder"] = {str(BASE_TOKENS + index): entry for index, (_, entry) in enumerate(added)}
    (options.folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n", encoding="utf-8")
    encoded = [text.encode("utf-8") for text in strings]
    write_lists(options.folder / "strings.bin", ((len(text), text) for text in encoded))
    write_lists(options.folder / "expected.bin", ((len(row), struct.pack(f"<{len(row)}I", *row)) for row in expected))
    manifest = {
        "strings": len(strings), "real": real, "bytes": sum(map(len, encoded)), "tokens": sum(map(len, expected)), "seed": SEED,
        "tokenizers": importlib.metadata.version("tokenizers"), "transformers": transformers, "vocabulary": origin,
        "script": hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(),
    }
    (options.folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(json.dumps(manifest))


if __name__ == "__main__":
    main()
