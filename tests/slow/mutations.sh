#!/usr/bin/env bash
# Plants one listed fault after the other in a copy of the tree; each must make the tests it names
# fail.
exec python3 "$(dirname "$0")/mutations.py" "$@"
