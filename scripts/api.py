"""Write the API pages: every public name with its docstring, formulas typeset, sources beside.

python scripts/api.py --to pages      then open pages/index.html; needs pip install -e ".[docs]"
"""

import sys

from apipages.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__))
