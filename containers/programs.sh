#!/bin/sh
# programs.sh NAME…: puts the programs under /opt/programs, with the default cards in mrcfiles/.
set -eu
. /opt/automagic/environment
for name in "$@"; do
    [ -x "$AUTOMAGIC_PROGRAMS/$name" ] || { echo "there is no program $AUTOMAGIC_PROGRAMS/$name" >&2; exit 1; }
    ln -s /opt/automagic/start.sh "/opt/programs/$name"
done
[ ! -d "$AUTOMAGIC_PROGRAMS/mrcfiles" ] || ln -s "$AUTOMAGIC_PROGRAMS/mrcfiles" /opt/programs/mrcfiles
