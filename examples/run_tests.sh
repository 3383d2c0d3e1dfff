#!/bin/sh
# Run the tests of a folder now, and again after each change of a Python file: run_tests.sh FOLDER [OPTIONS...]
folder=$1
shift
exec reloadls watch "$folder" --include '*.py' --on-busy queue "$@" -- python -m pytest -q -p no:cacheprovider "$folder"
