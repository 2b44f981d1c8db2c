"""Names for runs that were given none: two words and a number, easy to say and to find again."""

from __future__ import annotations

import os

__all__ = ["new_run_name"]

_QUALITIES = (
    "amber able bold brisk calm clear clever crisp daring deft eager early fair fast fine firm fresh gentle glad golden good "
    "grand happy honest humble keen kind late light lively loud lucky mellow merry mild neat nimble noble olive patient plain "
    "polite proud quick quiet rapid ready rosy royal sage silent silver sleek smooth solid spry steady still stout strong sunny "
    "sure swift tidy vivid warm wise witty"
).split()
_THINGS = (
    "acorn anchor arrow aspen badger bay beacon birch brook canyon cedar cliff comet coral cove crane creek delta dune eagle "
    "elm falcon fern field finch fjord fox glade grove gull harbor hare hawk heron hill ibis island ivy jay juniper kestrel "
    "lagoon lake lark lily lynx maple marsh meadow moose oak orchid otter owl pearl pebble pine plover pond raven reed reef "
    "ridge river robin sparrow spruce stone swan tern thicket tide trout valley wave willow wren"
).split()


def new_run_name() -> str:
    """A name; that two runs of a store get the same one is rare and harmless."""
    number = int.from_bytes(os.urandom(8), "big")  # the user's generators stay untouched
    number, quality = divmod(number, len(_QUALITIES))
    number, thing = divmod(number, len(_THINGS))
    return f"{_QUALITIES[quality]}-{_THINGS[thing]}-{number % 1000}"
