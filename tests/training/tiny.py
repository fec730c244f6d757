"""A tiny llama with random weights and a tokenizer of bytes, and rows to train it on: all of it in a second."""

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from culturepark.runtime.request import Message
from culturepark.training.row import Row, make_row

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|im_start|>", "<|im_end|>"]
WORDS = [
    "family",
    "respect",
    "work",
    "town",
    "old",
    "young",
    "faith",
    "trust",
    "money",
    "school",
    "honour",
    "neighbours",
    "elders",
    "law",
    "freedom",
]


def tiny_base(folder: Path, *, template: str | None = TEMPLATE, seed: int = 0) -> Path:
    """Write a transformers folder of 40 thousand weights."""
    torch.manual_seed(seed)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: place for place, symbol in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1], pad_token=SPECIAL[1]
    )
    fast.chat_template = template
    config = LlamaConfig(
        vocab_size=len(alphabet) + len(SPECIAL),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=256,
        eos_token_id=257,
        pad_token_id=257,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def make_rows(count: int, *, seed: int = 0, words: int = 8, weights: tuple[int, ...] = (1,)) -> list[Row]:
    """Rows of four questions, with answers of different lengths."""
    rng = random.Random(seed)
    questions = [f"Do you agree that {word} matters? 1 = yes, 2 = no." for word in WORDS[:4]]
    rows = []
    for number in range(count):
        question = number % len(questions)
        said = " ".join(rng.choices(WORDS, k=rng.randint(2, words)))
        rows.append(
            make_row(
                "survey",
                (
                    Message(role="system", content="You answer as a person from Jordan."),
                    Message(role="user", content=questions[question]),
                    Message(role="assistant", content=f"{rng.randint(1, 2)}. {said} {number}."),
                ),
                culture="arabic",
                country="JOR",
                language="en",
                question=f"wvs7:Q{question + 1}",
                stance=1,
                source="culturepark",
                weight=weights[number % len(weights)],
            )
        )
    return rows
