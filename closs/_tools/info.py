"""`python -m closs info`: what `closs.show_config` prints."""

import argparse

import closs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace) -> int:
    closs.show_config()
    return 0
