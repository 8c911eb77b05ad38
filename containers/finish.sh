#!/bin/sh
# Last in %post: away with what is not needed or differs each time; Python's compiled files do not look at times.
# find stays within the image's own file system (-xdev): while Apptainer builds, /tmp and others are the host's.
set -eu
find /opt /usr/lib/python3* /usr/local/lib/python3* -xdev -path '*/__pycache__/*' -delete
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash \
    $(ls -d /opt/openmars /opt/science /usr/lib/python3* /usr/local/lib/python3* 2>/dev/null)
find / -xdev \( -path '/var/lib/apt/lists/*' -o -path '/var/cache/*' -o -path '/var/log/*' -o -path '/var/lib/dpkg/*-old' \
    -o -path /etc/machine-id \) -delete
