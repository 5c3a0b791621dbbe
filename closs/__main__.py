"""`python -m closs` and the script `closs`: demo, pictures of the losses, race, facts, flags for C."""

import argparse
import importlib
import os
import sys

from closs import get_num_threads

COMMANDS = {
    "demo": "train a softmax classifier and a robust regression in numpy and closs",
    "curves": "draw the losses with their gradients and curvatures, and the measures of two classes",
    "bench": "race closs against the peers that are installed",
    "config": "print the flags that compile and link C and C++ programs with closs, and its folders",
    "info": "print version, instruction set, OpenMP, threads and compiler",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="closs", description="Fast and exact loss functions for arrays on the CPU.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    tools = {}
    for name, purpose in COMMANDS.items():
        tools[name] = importlib.import_module(f"closs._tools.{name}")
        tools[name].add_arguments(commands.add_parser(name, help=purpose, description=purpose.capitalize() + "."))
    options = parser.parse_args(arguments)
    try:
        get_num_threads()  # says what is wrong with CLOSS_NUM_THREADS
    except ValueError as error:
        print(f"closs {options.command}: {error}", file=sys.stderr)
        return 2
    try:
        status = tools[options.command].run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads, `head` say, wants no more; nothing is left to be said at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a file that cannot be written after all
        print(f"closs {options.command}: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f'closs {options.command} needs {error.name}: python -m pip install "closs[{options.command}]"',
              file=sys.stderr)  # fmt: skip
        return 1


if __name__ == "__main__":
    sys.exit(main())
