"""What all capabilities ask with: a program, and a reader of its output."""

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from mxisd.stores.command.commands import Answer, Command
from mxisd.stores.command.outputs import Nonsense, Output, Row
from mxisd.stores.command.templates import Values
from mxisd.stores.command.users import Users

T = TypeVar("T")


@frozen
class Question:
    """A program that answers, in a form of output, about users."""

    command: Command
    output: Output
    users: Users

    async def ask(self, values: Values, stdin: bytes | None = None) -> Answer:
        """
        Run the program.

        :raise StoreUnavailable: If that was no answer.
        """
        return await self.command.ask(values, stdin)

    def read(self, reader: Callable[[str], T], text: str) -> T:
        """
        What output says.

        :param reader: A method of :attr:`output`, or built on one.
        :raise StoreUnavailable: If it makes no sense.
        """
        try:
            return reader(text)
        except Nonsense as error:
            raise self.command.nonsense(str(error)) from error

    def rows(self, text: str) -> list[Row | None]:
        """
        The 3PIDs and owners in output.

        :raise StoreUnavailable: If it makes no sense.
        """
        return self.read(lambda text: list(self.output.rows(text)), text)
