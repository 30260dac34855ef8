# SPDX-License-Identifier: Apache-2.0
# Libraries that are needed.  All that are missing are named at once, each with the Debian package that has it.

m4_ifndef([PKG_CHECK_MODULES],
          [m4_fatal([pkg-config is missing; on Debian: apt install pkg-config])])

AC_DEFUN([SLUICE_NEEDS_BEGIN],
[PKG_PROG_PKG_CONFIG
sluice_missing=
sluice_missing_packages=
AS_IF([test -z "$PKG_CONFIG"], [AC_MSG_ERROR([pkg-config is missing; on Debian: apt install pkg-config])])])

# SLUICE_MISSING(WHAT, DEBIAN-PACKAGE)
AC_DEFUN([SLUICE_MISSING],
[sluice_missing="$sluice_missing
    $1 (Debian package $2)"
sluice_missing_packages="$sluice_missing_packages $2"])

# SLUICE_NEED_PACKAGE(VARIABLE, PKG-CONFIG MODULES, DEBIAN-PACKAGE)
AC_DEFUN([SLUICE_NEED_PACKAGE],
[PKG_CHECK_MODULES([$1], [$2], [], [SLUICE_MISSING([$2], [$3])])])

# SLUICE_NEED_HEADER_LIBRARY(VARIABLE, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE): for a library without pkg-config file.
AC_DEFUN([SLUICE_NEED_HEADER_LIBRARY],
[AC_CHECK_HEADER([$2],
    [AC_CHECK_LIB([$3], [$4], [$1_LIBS=-l$3], [SLUICE_MISSING([lib$3], [$5])])],
    [SLUICE_MISSING([$2], [$5])])
AC_SUBST([$1_LIBS])])

AC_DEFUN([SLUICE_NEEDS_END],
[AS_IF([test -n "$sluice_missing"],
    [AC_MSG_ERROR([what is missing or too old:$sluice_missing
On Debian or Ubuntu: apt install$sluice_missing_packages])])])
