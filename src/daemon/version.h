/* The version that meson.build gives. */
#ifndef POSTERN_DAEMON_VERSION_H
#define POSTERN_DAEMON_VERSION_H

#ifndef POSTERN_VERSION
#define POSTERN_VERSION "unknown"
#endif

#endif
