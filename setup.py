"""Builds closs: libcloss once per instruction set, and the Cython modules, of which only closs._core links it.

The loops that `python -m closs bench` measures the machine with are built like libcloss, into an archive of their own.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError
from setuptools.modified import newer_group

ROOT = Path(__file__).parent
Options.warning_errors = True

HEADERS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").glob("*.h"))
CEILINGS = ["benchmarks/ceilings.c", "benchmarks/ceilings.h"]
MODULES = ("_core", "_arguments", "_softmax", "_elementwise", "_measures", "_tools._ceilings")
NUMPY_MACROS = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]

# NaN, infinities, signed zeros and subnormals keep their meaning. Without -fno-trapping-math gcc leaves the exponential
# scalar on AVX2; contraction is off because the source says where a multiply-add is fused.
GNU_FLAGS = [
    "-std=c11", "-O3", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fopenmp-simd",
    "-fvisibility=hidden",
]  # fmt: skip
X86_LEVELS = {
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl",
               "-mprefer-vector-width=512"],
}  # fmt: skip


def levels_of_machine(msvc: bool) -> dict[str, list[str]]:
    machine = platform.machine().lower()
    if msvc:
        return {}
    if machine in ("x86_64", "amd64"):
        return X86_LEVELS
    return {"neon": []} if machine in ("arm64", "aarch64") else {}


def version() -> str:
    header = (ROOT / "src" / "closs.h").read_text(encoding="utf-8")
    return ".".join(re.search(rf"CLOSS_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def can_build(compiler, source: str, flags: list[str], link: bool = False) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.c")
        path.write_text(source)
        try:
            objects = compiler.compile([str(path)], output_dir=folder, extra_postargs=flags)
            if link:
                compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=flags)
        except (CompileError, LinkError):
            return False
    return True


class BuildLibrary(build_clib):
    """Compiles each source of libcloss with the flags of its instruction set, into one archive."""

    def build_libraries(self, libraries):
        msvc = self.compiler.compiler_type == "msvc"
        common = ["/O2", "/std:c11", "/experimental:c11atomics"] if msvc else GNU_FLAGS
        levels = {
            level: flags
            for level, flags in levels_of_machine(msvc).items()
            if can_build(self.compiler, "int main(void) { return 0; }\n", [*common, *flags])
        }
        have = [f"-DCLOSS_HAVE_{level.upper()}" for level in levels]
        levels = {"baseline": [], **levels}
        self.archive("closs", common, [
            ("closs.c", []), ("cpu.c", have), *((f"isa_{level}.c", flags) for level, flags in levels.items()),
        ])  # fmt: skip
        self.archive("ceilings", common, [
            ("../benchmarks/ceilings.c", have),
            *(("../benchmarks/ceilings.c", [f"-DCLOSS_ISA={level}", f"-DCLOSS_FMA={level != 'baseline':d}", *flags])
              for level, flags in levels.items()),
        ])  # fmt: skip

    def archive(self, name, common, sources):
        objects = []
        for number, (file, flags) in enumerate(sources):
            source = os.path.normpath(f"src/{file}")
            folder = os.path.join(self.build_temp, f"{name}{number}")  # a source may be compiled more than once
            (target,) = self.compiler.object_filenames([source], output_dir=folder)
            if self.force or newer_group([source, *HEADERS, *CEILINGS, __file__], target):
                self.compiler.compile([source], folder, include_dirs=["src"], extra_postargs=[*common, *flags])
            objects.append(target)
        self.compiler.create_static_lib(objects, name, output_dir=self.build_clib)


class BuildExtensions(build_ext):
    """Builds libcloss first, also for inplace and editable builds, and uses OpenMP if the compiler has it.

    libcloss goes into the package, too, for C, C++ and CMake: header, archive, and the files that find them, which name
    no folder but by its place beside their own.
    """

    def run(self):
        self.run_command("build_clib")
        super().run()
        library = self.get_finalized_command("build_clib")
        archive = library.compiler.library_filename("closs")
        package = Path(self.get_ext_fullpath("closs._core")).parent
        facts = {
            "ARCHIVE": archive,
            "PROJECT_VERSION": version(),
            "INTERFACE": version().rpartition(".")[0],
            "PC_PREFIX": "${pcfiledir}/../..",
            "PC_LIBDIR": "${prefix}/lib",
            "PC_INCLUDEDIR": "${prefix}/include",
            "PC_CFLAGS": "",
        }
        for source, target in self.files_for_c().items():
            (package / target).parent.mkdir(parents=True, exist_ok=True)
            if source.endswith(".in"):
                text = (ROOT / source).read_text(encoding="utf-8")
                (package / target).write_text(
                    re.sub("@([A-Z_]+)@", lambda name: facts[name[1]], text), encoding="utf-8"
                )
            else:
                shutil.copyfile(ROOT / source, package / target)
        shutil.copyfile(Path(library.build_clib, archive), package / "lib" / archive)

    @staticmethod
    def files_for_c():
        return {
            "src/closs.h": "include/closs.h",
            "src/package/closs.pc.in": "lib/pkgconfig/closs.pc",
            "src/package/closs-config.cmake.in": "lib/cmake/closs/closs-config.cmake",
            "src/package/closs-config-version.cmake.in": "lib/cmake/closs/closs-config-version.cmake",
        }

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        openmp = ["/openmp"] if msvc else ["-fopenmp"]
        program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        has_openmp = can_build(self.compiler, program, openmp, link=True)
        if not has_openmp:
            print("closs: this compiler has no OpenMP; the build computes serially", file=sys.stderr)
        for extension in self.extensions:
            if extension.name == "closs._core" and has_openmp:
                extension.extra_compile_args += openmp
                extension.extra_link_args += [] if msvc else openmp
            if not msvc:
                extension.extra_compile_args += ["-O2", "-g0"]
        super().build_extensions()


def extensions() -> list[Extension]:
    depends = [*HEADERS, *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "src").glob("*.c"))), *CEILINGS]
    return [
        Extension(
            f"closs.{name}",
            [f"closs/{name.replace('.', '/')}.pyx"],
            include_dirs=["src", "benchmarks", numpy.get_include()],
            define_macros=NUMPY_MACROS,
            depends=depends,
        )
        for name in MODULES
    ]


setup(
    version=version(),
    libraries=[("closs", {"sources": ["src/closs.c"]}), ("ceilings", {"sources": CEILINGS[:1]})],
    ext_modules=cythonize(
        extensions(),
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": False,
            "freethreading_compatible": True,
        },
    ),
    cmdclass={"build_clib": BuildLibrary, "build_ext": BuildExtensions},
)
