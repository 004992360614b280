#!/bin/sh
# trim.sh SITE_PACKAGES: what production never reads goes. Only what is safe whatever the code asks for: symbols for
# debuggers, headers and stubs for compilers, tests, locales of languages that Zhupi does not speak, other databases.
set -eu
cd "$1"

# Some wheels come with debugging symbols, which are most of their size. Not those in *.libs: patched by their makers, they do
# not always survive it. That all can still be loaded is tried below.
find . -name '*.so*' -type f ! -path '*.libs/*' -size +64k -exec strip --strip-unneeded {} +

find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' -o -name '*.hpp' \
  -o -name '*.c' -o -name '*.cpp' -o -name '*.a' -o -name '*.lib' \) -delete
find numpy sympy -depth -type d -name tests -exec rm -r {} +
rm -rf numpy/f2py sqlalchemy/testing lxml/isoschematron lxml/includes
# Their packages say what dialects there are; without them a URL of another database is refused as unknown.
rm -rf sqlalchemy/dialects/mssql sqlalchemy/dialects/mysql sqlalchemy/dialects/oracle sqlalchemy/dialects/sqlite
find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_US.dat' ! -name 'zh*.dat' -delete

python - <<'PYTHON'
import ctypes
import pathlib

for path in sorted(pathlib.Path().rglob("*.so*")):
    ctypes.CDLL(str(path.resolve()))
PYTHON
