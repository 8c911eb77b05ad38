#!/bin/sh
# Starts the program under whose name it is called, in the environment of this image: a job need not know it.
set -a
. /opt/automagic/environment
set +a
exec "$AUTOMAGIC_PROGRAMS/${0##*/}" "$@"
