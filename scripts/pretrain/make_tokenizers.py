#!/usr/bin/env python3
"""Builds the tokenizers of both embedded models from the prompts of a ShapeEdit folder.

Every word of the world becomes one token of each tokenizer; the byte alphabet (letters for T5) stands for all
other text. Writes OUT/policy/tokenizer (CLIP), OUT/policy/tokenizer_2 (T5), OUT/qwen/tokenizer (Qwen2; every word
of the Qwen-Image-Edit prompt is one token too, which makes the 64 tokens of its system turn that diffusers drops) and
OUT/judge (Qwen2).

    make_tokenizers.py --data DATA --chat-template CHAT_TEMPLATE.json OUT
"""

import argparse
import itertools
import json
import re
import string
from collections import Counter
from pathlib import Path

import qwen_policy
from sentencepiece import sentencepiece_model_pb2 as spiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CLIP_PATTERN = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_ADDED = [
    ("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True), ("<|object_ref_start|>", True),
    ("<|object_ref_end|>", True), ("<|box_start|>", True), ("<|box_end|>", True), ("<|quad_start|>", True),
    ("<|quad_end|>", True), ("<|vision_start|>", True), ("<|vision_end|>", True), ("<|vision_pad|>", True),
    ("<|image_pad|>", True), ("<|video_pad|>", True), ("<tool_call>", False), ("</tool_call>", False),
    ("<|fim_prefix|>", False), ("<|fim_middle|>", False), ("<|fim_suffix|>", False), ("<|fim_pad|>", False),
    ("<|repo_name|>", False), ("<|file_sep|>", False),
]


def byte_alphabet():
    """The 256 characters that stand for bytes, in GPT-2's order: printable ones first, so '0' is 15."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(rest))]


def learn_merges(words):
    """Byte-pair merges, most frequent pair first, until every word (a list of symbols) is one symbol."""
    words = [list(word) for word in words]
    merges = []
    while True:
        pairs = Counter(pair for word in words for pair in itertools.pairwise(word))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for index, word in enumerate(words):
            merged, position = [], 0
            while position < len(word):
                if tuple(word[position:position + 2]) == best:
                    merged.append(best[0] + best[1])
                    position += 2
                else:
                    merged.append(word[position])
                    position += 1
            words[index] = merged


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def write_bpe(folder, vocabulary, merges):
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2"] + [" ".join(pair) for pair in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")


def make_clip(words, folder):
    alphabet = byte_alphabet()
    merges = learn_merges([list(word[:-1]) + [word[-1] + "</w>"] for word in words])
    symbols = alphabet + [symbol + "</w>" for symbol in alphabet] + [a + b for a, b in merges]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    write_bpe(folder, vocabulary, merges)
    start, end = "<|startoftext|>", "<|endoftext|>"
    config = {
        "tokenizer_class": "CLIPTokenizer", "add_prefix_space": False, "bos_token": start, "eos_token": end,
        "pad_token": end, "unk_token": end, "do_lower_case": True, "errors": "replace", "model_max_length": 16,
        "clean_up_tokenization_spaces": True,
        "added_tokens_decoder": {
            str(vocabulary[token]): {
                "content": token, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False,
                "special": True,
            } for token in (start, end)
        },
    }
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "special_tokens_map.json",
               {"bos_token": start, "eos_token": end, "pad_token": end, "unk_token": end})
    return vocabulary


def make_t5(words, folder):
    characters = string.ascii_letters + string.digits + string.punctuation
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -8.0)]
    pieces += [("\u2581" + word, -4.0) for word in words]
    pieces += [(character, -10.0) for character in characters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True),
    ])
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)])
    special = ["<pad>", "</s>", "<unk>"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))

    model = spiece.ModelProto()
    kinds = {"<pad>": 3, "</s>": 3, "<unk>": 2}  # control, control, unknown
    for piece, score in pieces:
        model.pieces.add(piece=piece, score=score, type=kinds.get(piece, 1))
    trainer = model.trainer_spec
    trainer.model_type, trainer.vocab_size = trainer.UNIGRAM, len(pieces)
    trainer.pad_id, trainer.eos_id, trainer.unk_id, trainer.bos_id = 0, 1, 2, -1
    trainer.pad_piece, trainer.eos_piece, trainer.unk_piece = special
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    (folder / "spiece.model").write_bytes(model.SerializeToString())

    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
        "extra_ids": 0, "additional_special_tokens": [], "model_max_length": 12,
        "clean_up_tokenization_spaces": True,
        "added_tokens_decoder": {
            str(index): {
                "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                "special": True,
            } for index, token in enumerate(special)
        },
    })
    write_json(folder / "special_tokens_map.json",
               {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"})
    return pieces


def qwen_splitting():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def prompt_pieces():
    """What the pre-tokenizer makes of the Qwen-Image-Edit prompt: pieces without their leading space, and those with one."""
    parts = re.split(r"<\|\w+\|>|\{\}", qwen_policy.template())
    pieces = {piece for part in parts for piece, _ in qwen_splitting().pre_tokenize_str(part)}
    space = "\u0120"
    return {piece.lstrip(space) for piece in pieces}, {piece[1:] for piece in pieces if piece[0] == space}


def make_qwen(words, bare, spaced, template, folder):
    """A tokenizer with one token for each of `words`, with or without a space, of `bare`, and of `spaced` with one."""
    merges = learn_merges([list(word) for word in sorted({*words, *bare})])
    merges += [("\u0120", word) for word in sorted({*words, *spaced})]
    symbols = byte_alphabet() + list(dict.fromkeys(a + b for a, b in merges))
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    write_bpe(folder, vocabulary, merges)

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = qwen_splitting()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False)
    tokenizer.add_tokens(
        [AddedToken(text, special=special, normalized=False) for text, special in QWEN_ADDED])
    tokenizer.save(str(folder / "tokenizer.json"))

    names = [text for text, _ in QWEN_ADDED]
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "add_bos_token": False,
        "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
        "errors": "replace", "split_special_tokens": False, "clean_up_tokenization_spaces": False,
        "model_max_length": 1024, "additional_special_tokens": names[1:14], "chat_template": template,
        "added_tokens_decoder": {
            str(len(symbols) + index): {
                "content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                "special": special,
            } for index, (text, special) in enumerate(QWEN_ADDED)
        },
    })
    write_json(folder / "chat_template.json", {"chat_template": template})
    return len(symbols) + len(QWEN_ADDED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of 'policy-trainer dataset shapes'")
    parser.add_argument("--chat-template", type=Path, required=True, help="chat_template.json of Qwen2.5-VL")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    words = set()
    for name in ("train_metadata.jsonl", "test_metadata.jsonl"):
        for line in (options.data / name).read_text().splitlines():
            words.update(json.loads(line)["prompt"].split())
    words = sorted(words)
    template = json.loads(options.chat_template.read_text())["chat_template"]
    clip = make_clip(words, options.out / "policy/tokenizer")
    t5 = make_t5(words, options.out / "policy/tokenizer_2")
    judge = make_qwen(words, ["system", "user", "assistant", "You", "are", "helpful"],
                      ["are", "a", "helpful", "assistant"], template, options.out / "judge")
    qwen = make_qwen(words, *prompt_pieces(), template, options.out / "qwen/tokenizer")
    print(f"{len(words)} words; CLIP {len(clip)}, T5 {len(t5)}, Qwen2 {judge} (judge) and {qwen} (policy) ids")


if __name__ == "__main__":
    main()
