/* libfaketime takes sleeps until a time of the monotonic clock for sleeps on its own clock, which stands still: the kernel
   refuses them then (EINVAL), and Python's time.sleep fails. Here they go to the kernel as they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *left)
{
    int before = errno;
    int result = syscall(SYS_clock_nanosleep, clock, flags, request, left) ? errno : 0;
    errno = before;
    return result;
}
