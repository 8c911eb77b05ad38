# The environment of the programs in this image; start.sh sources it.
. /opt/automagic/processor.sh
AUTOMAGIC_PROGRAMS=/opt/mars
MARSSYS=/opt/mars
ROOTSYS=/opt/root
OSTYPE=linux
PATH=$MARSSYS:$ROOTSYS/bin:$PATH
LD_LIBRARY_PATH=$MARSSYS:$ROOTSYS/lib
