"""Run the command line as ``python -m tica_fn``."""

from tica_fn.cli import main

raise SystemExit(main())
