"""Step through tokens, as a grammar does."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sdzero_bench.verifiers.answers.nodes import Node
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece


class TokenReader(ABC):
    """A position in a list of tokens. Each abstract method reads one level of the grammar from there."""

    def __init__(self, tokens: list[Piece]) -> None:
        self.tokens = tokens
        self.position = 0
        self.bars = 0

    def peek(self, ahead: int = 0) -> Piece | None:
        where = self.position + ahead
        return self.tokens[where] if where < len(self.tokens) else None

    def next_is(self, *texts: str) -> bool:
        token = self.peek()
        return token is not None and token.text in texts and not (token.prose and token.kind == "word")

    def take(self, *texts: str) -> bool:
        if self.next_is(*texts):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise NotAnAnswer(f"{text!r} is missing")

    @abstractmethod
    def sum(self) -> Node: ...

    @abstractmethod
    def term(self, argument: bool = False) -> Node: ...

    @abstractmethod
    def signed(self) -> Node: ...

    @abstractmethod
    def atom(self) -> Node: ...

    @abstractmethod
    def argument(self, digits: bool) -> Node: ...
