#!/bin/sh
# Last in %post: away with what is not needed or differs each time; Python's compiled files do not look at times.
set -eu
find /opt /usr/lib/python3* /usr/local/lib/python3* -xdev -name __pycache__ -prune -exec rm -rf {} +
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash \
    $(ls -d /opt/openmars /opt/science /usr/lib/python3* /usr/local/lib/python3* 2>/dev/null)
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/lib/dpkg/*-old /tmp/* /var/tmp/* /root/.cache /etc/machine-id

