#!/bin/sh
# base.sh [PACKAGE…]: what every image has: Python for the job, libfaketime for a clock that stands, and more of Debian's
# packages. Nothing is asked of the network where all are there already.
set -eu
export DEBIAN_FRONTEND=noninteractive
there() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
set -- python3 libfaketime "$@"
own=""
for package in gcc libc6-dev; do there "$package" || own="$own $package"; done
missing=""
for package in "$@" $own; do there "$package" || missing="$missing $package"; done
if [ -n "$missing" ]; then
    apt-get -q update
    apt-get -q install -y --no-install-recommends $missing
fi
ln -sf "$(dpkg -L libfaketime | grep '/libfaketime\.so\.1$')" /opt/automagic/clock.so
gcc -O2 -shared -fPIC -o /opt/automagic/sleep.so "$(dirname "$0")/sleep.c"
for package in $own; do    # a compiler stays only where it was asked for
    case " $* " in *" $package "*) ;; *) apt-get -q purge -y --auto-remove "$package" ;; esac
done
mkdir -p /opt/programs
