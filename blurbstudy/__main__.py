"""`python -m blurbstudy`, and with it `torchrun -m blurbstudy`: the command line."""

from .cli.app import main

if __name__ == "__main__":
    main()
