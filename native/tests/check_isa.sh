#!/bin/sh
# check_isa.sh BUILD: fails when a kernel's object file holds a function that objects of other instruction sets
# may hold too (a weak symbol outside its own namespace): the linker keeps one of them for all. See synth/isa.h.
set -eu
leaks=$(for isa in baseline v3 v4; do
    objects=$(find "$1/CMakeFiles/synth_$isa.dir" -name '*.o' 2>/dev/null)
    [ -z "$objects" ] || nm -C $objects | grep -E ' [Wu] ' | grep -v "isa_$isa" | cut -c18- | sed "s/^/$isa: /"
done | sort -u)
[ -z "$leaks" ] || { echo "shared by several instruction sets:"; echo "$leaks"; exit 1; }
