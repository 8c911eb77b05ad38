#!/bin/sh
# base.sh [PACKAGE…]: what every image has: Python for the job, libfaketime for a clock that stands, and more of Debian's
# packages. Nothing is asked of the network where all are there already.
set -eu
set -- python3 libfaketime "$@"
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -q install -y --no-install-recommends "$@"
    break
done
ln -sf "$(dpkg -L libfaketime | grep '/libfaketime\.so\.1$')" /opt/automagic/clock.so
mkdir -p /opt/programs
