"""SIGTERM as Ctrl-C: once, also where such blocks are nested, and not after them; Ctrl-C late."""

import os
import signal
import threading

import pytest

from harness.interrupts import held_back, sigterm_as_interrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_first_interrupts_and_the_second_leaves_the_tidying_up_alone() -> None:
    tidied = False
    with sigterm_as_interrupt():
        with pytest.raises(KeyboardInterrupt):
            terminate()
        terminate()
        tidied = True
    assert tidied


def test_the_same_when_nested() -> None:
    steps = []
    with sigterm_as_interrupt():
        try:
            with sigterm_as_interrupt():
                try:
                    terminate()
                finally:
                    terminate()
                    steps.append("inner")
        except KeyboardInterrupt:
            terminate()
            steps.append("outer")
    assert steps == ["inner", "outer"]


def test_what_was_before_is_there_again_and_each_block_listens_anew() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt():
                terminate()
        terminate()
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work() -> None:
        with sigterm_as_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), held_back():
        os.kill(os.getpid(), signal.SIGINT)
        finished = True
    assert finished
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_an_error_in_a_block_wins_over_ctrl_c() -> None:
    with pytest.raises(ValueError, match="refused"), held_back():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("refused")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_lost_terminal_waits_too() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        with held_back():
            os.kill(os.getpid(), signal.SIGHUP)
            assert heard == []
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)
