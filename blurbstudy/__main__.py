"""`python -m blurbstudy`, and with it `torchrun -m blurbstudy`: the command line."""

from .cli import main

if __name__ == "__main__":
    main()
