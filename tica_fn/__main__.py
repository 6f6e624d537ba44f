"""Let ``python -m tica_fn`` be the command line."""

from tica_fn.cli import main

raise SystemExit(main())
