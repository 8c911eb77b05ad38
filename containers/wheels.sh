#!/bin/sh
# Installs the wheels that were put into the image: those of the lock file, checked by hash; no network is needed.
set -eu
wheels=/opt/automagic/wheels
pip=$(echo "$wheels"/pip-*.whl)
python3 "$pip/pip" install -q --disable-pip-version-check --root-user-action=ignore --break-system-packages \
    --no-cache-dir --no-warn-script-location --no-compile --no-index --find-links "$wheels" --require-hashes -r "$wheels/requirements.txt"
rm -rf "$wheels"
