# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of the house, kept out of the user's CFLAGS and LDFLAGS.

# SLUICE_TRY_CFLAGS(FLAGS): adds each of the flags that the compiler knows to HOUSE_CFLAGS.
AC_DEFUN([SLUICE_TRY_CFLAGS],
[for sluice_flag in $1; do
    AC_MSG_CHECKING([whether $CC takes $sluice_flag])
    sluice_saved_cflags=$CFLAGS
    CFLAGS="$CFLAGS -Werror $sluice_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
        [AC_MSG_RESULT([yes]); HOUSE_CFLAGS="$HOUSE_CFLAGS $sluice_flag"],
        [AC_MSG_RESULT([no])])
    CFLAGS=$sluice_saved_cflags
done])

AC_DEFUN([SLUICE_BUILD_FLAGS],
[AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])])
AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers], [build with the address and undefined-behaviour sanitizers])])
AC_ARG_ENABLE([static-plugins],
    [AS_HELP_STRING([--enable-static-plugins], [link the plugins into the runner; others are loaded as ever])])
AS_IF([test "x$enable_shared" = xno], [enable_static_plugins=yes])
AM_CONDITIONAL([SHARED], [test "x$enable_shared" != xno])
AM_CONDITIONAL([STATIC_PLUGINS], [test "x$enable_static_plugins" = xyes])
HOUSE_CFLAGS="-std=c17 -fvisibility=hidden -pthread"
SLUICE_TRY_CFLAGS([-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 \
    -Wimplicit-fallthrough -fstack-protector-strong -fno-common])
AS_IF([test "x$enable_werror" = xyes], [HOUSE_CFLAGS="$HOUSE_CFLAGS -Werror"])

AC_MSG_CHECKING([whether the compiler is clang])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#ifndef __clang__
#error not clang
#endif]])], [sluice_clang=yes], [sluice_clang=no])
AC_MSG_RESULT([$sluice_clang])

HOUSE_LDFLAGS=-pthread
sluice_defs=-Wl,-z,defs
AS_IF([test "x$enable_sanitizers" = xyes],
    [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
     HOUSE_CFLAGS="$HOUSE_CFLAGS $SANITIZER_CFLAGS"
     HOUSE_LDFLAGS="$HOUSE_LDFLAGS -fsanitize=address,undefined"
     AC_DEFINE([SLUICE_SANITIZERS], [1], [Built with sanitizers.])
     # clang leaves the sanitizer's symbols in a shared object to the program.
     AS_IF([test "$sluice_clang" = yes], [sluice_defs=])])
# For every shared object: nothing undefined, everything bound at load.
HOUSE_SHARED_LDFLAGS="$sluice_defs -Wl,-z,now"
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
AC_SUBST([HOUSE_CFLAGS])
AC_SUBST([SANITIZER_CFLAGS])
AC_SUBST([HOUSE_LDFLAGS])
AC_SUBST([HOUSE_SHARED_LDFLAGS])])
