/* Functions that are never right here, poisoned for every file of ours (see cmake/Flags.cmake).
 * Instead: ek_buf or snprintf, strtol with its end checked, gmtime_r, uv_spawn. */
#ifndef EK_CORE_BANNED_H
#define EK_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__) && !defined(EK_ALLOW_BANNED)
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atof gmtime localtime system \
    popen
#endif

#endif
