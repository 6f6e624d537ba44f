"""Signals that ask to end, wherever in a program they come."""

import signal
import time
import weakref

import pytest

from tica_fn.cli.signals import StoppedError, signals_raised


class Thing:
    """Calls a function at its end."""

    def __init__(self, last):
        self.last = last

    def __del__(self):
        self.last()


def in_a_callback(raised):
    thing = Thing(lambda: None)
    kept = weakref.ref(thing, lambda _: raised())
    del thing
    return kept


WHERE = {
    "in the program": lambda raised: raised(),
    "in a callback": in_a_callback,
    "in a finalizer": Thing,
}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("where", WHERE)
def test_a_signal_ends_it_also_where_its_exception_is_lost(name, where):
    """As in callbacks of LLVM's, where a kernel is compiled."""
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def raised():
        signal.raise_signal(number)
        time.sleep(0)

    def work():
        with signals_raised():
            WHERE[where](raised)
            time.sleep(5.0)

    with pytest.raises(StoppedError) as stopped:
        work()
    assert stopped.value.signal == number
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with signals_raised():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
