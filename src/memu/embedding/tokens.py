"""Text to token ids for all-MiniLM-L6-v2, a long text as overlapping windows so that nothing of it is cut."""

import re

import numpy as np
from numpy.typing import NDArray

WINDOW = 256
OVERLAP = 32
# The tokenizer keeps some 800 bytes per token while it works; words never span white space, so pieces are exact.
_PIECE = re.compile(r"(?s).{1,16384}(?!\S)|.{1,16384}")

TokenIds = NDArray[np.int32]


class WindowedTokenizer:
    """The model's WordPiece tokenizer; may be used by several threads at once.

    Args:
        definition: the content of `tokenizer.json`.
    """

    def __init__(self, definition: bytes) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(definition.decode())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first, self._last = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))

    def windows(self, text: str) -> list[TokenIds]:
        """The token ids of `text` in windows of at most 256, each with its first and last token.

        Neighbouring windows share 32 tokens. A text in which the model sees nothing, such as "" or a lone zero-width
        space, has no window.
        """
        ids = self._ids(text)
        room = WINDOW - 2
        starts = range(0, max(len(ids) - OVERLAP, int(bool(ids))), room - OVERLAP)
        return [np.array([self._first, *ids[start : start + room], self._last], np.int32) for start in starts]

    def _ids(self, text: str) -> list[int]:
        return [
            token
            for piece in _PIECE.findall(text)
            for token in self._tokenizer.encode(piece, add_special_tokens=False).ids
        ]
