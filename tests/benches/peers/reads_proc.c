/* The least that a program over /proc can do for what the agent tells of processes, each so many
 * seconds: what `cargo xtask bench peers` holds the agent over /proc against.
 *
 * It reads
 *   - of every process `stat`, through a descriptor that stays open, with pread: name, state,
 *     parent, processor time, threads, start and memory;
 *   - of those whose processor time moved `statm` and `io`, opened each time;
 *   - of those that are new, or younger than 30 s, also `exe`, `cmdline`, `status`, `cgroup`,
 *     `sessionid` and `loginuid`: which program it is, whose, and of which login.
 * These are the files that the agent reads, and the numbers are taken out of them. It keeps no
 * text, makes no rows, compresses nothing, sends nothing and confines itself to nothing: what the
 * agent takes more is what it is for.
 *
 * usage: reads_proc SECONDS
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 32768, MOST_OPEN = 4096, YOUNG_S = 30 };

struct process {
    int pid, descriptor, parent, threads;
    char state;
    unsigned long long ticks, started, resident, read, written;
    unsigned user, login, session;
};

static struct process tables[2][MOST];
static char buffer[16384];
static int proc, may_open, opened;
/* Holds what is read against being left out. */
static unsigned long long bytes;

static ssize_t whole(int pid, const char *name)
{
    char path[32];
    snprintf(path, sizeof path, "%d/%s", pid, name);
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t length = read(file, buffer, sizeof buffer - 1);
    close(file);
    if (length < 0)
        return -1;
    buffer[length] = 0;
    bytes += length;
    return length;
}

static unsigned long long after(const char *key)
{
    const char *found = strstr(buffer, key);
    return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

/* Takes the numbers out of `stat`; fields 3 to 24 follow the last parenthesis. */
static int parse(struct process *into, unsigned long long *ticks, unsigned long long *started)
{
    char *at = strrchr(buffer, ')');
    if (!at)
        return 0;
    at += 2;
    into->state = *at++;
    for (int field = 4; field <= 24; field++) {
        unsigned long long value = strtoull(at, &at, 10);
        switch (field) {
        case 4: into->parent = value; break;
        case 14: *ticks = value; break;
        case 15: *ticks += value; break;
        case 20: into->threads = value; break;
        case 22: *started = value; break;
        case 24: into->resident = value; break;
        }
    }
    return 1;
}

static void figures(struct process *of)
{
    if (whole(of->pid, "statm") > 0) {
        char *at;
        strtoull(buffer, &at, 10);
        of->resident = strtoull(at, NULL, 10);
    }
    if (whole(of->pid, "io") > 0) {
        of->read = after("\nread_bytes: ");
        of->written = after("\nwrite_bytes: ");
    }
}

static void describe(struct process *of)
{
    char path[32];
    snprintf(path, sizeof path, "%d/exe", of->pid);
    ssize_t length = readlinkat(proc, path, buffer, sizeof buffer);
    bytes += length > 0 ? length : 0;
    whole(of->pid, "cmdline");
    if (whole(of->pid, "status") > 0)
        of->user = after("\nUid:");
    whole(of->pid, "cgroup");
    if (whole(of->pid, "sessionid") > 0)
        of->session = strtoul(buffer, NULL, 10);
    if (whole(of->pid, "loginuid") > 0)
        of->login = strtoul(buffer, NULL, 10);
}

static int look(struct process *of, int is_new, unsigned long long now)
{
    ssize_t length = -1;
    int file = of->descriptor;
    if (file < 0) {
        char path[32];
        snprintf(path, sizeof path, "%d/stat", of->pid);
        file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    }
    if (file >= 0)
        length = pread(file, buffer, 2047, 0);
    if (length > 0) {
        buffer[length] = 0;
        bytes += length;
    }
    unsigned long long ticks = 0, started = 0;
    if (length <= 0 || !parse(of, &ticks, &started)) {
        if (file >= 0)
            close(file);
        opened -= of->descriptor >= 0;
        return 0;
    }
    if (of->descriptor < 0 && opened < may_open) {
        of->descriptor = file;
        opened++;
    } else if (of->descriptor < 0) {
        close(file);
    }
    int is_young = is_new || now - started < YOUNG_S * (unsigned long long)sysconf(_SC_CLK_TCK);
    int moved = ticks != of->ticks;
    of->ticks = ticks;
    of->started = started;
    if (moved || is_young)
        figures(of);
    if (is_young)
        describe(of);
    return 1;
}

/* The kernel lists processes in order of their ids, so the last pass is walked beside. */
static int pass(struct process *last, int count, struct process *next)
{
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    unsigned long long now = up.tv_sec * (unsigned long long)sysconf(_SC_CLK_TCK);
    int found = 0, at = 0;
    DIR *folder = fdopendir(openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder)
        return -1;
    for (struct dirent *entry; found < MOST && (entry = readdir(folder));) {
        int pid = atoi(entry->d_name);
        if (pid <= 0)
            continue;
        for (; at < count && last[at].pid < pid; at++)
            if (last[at].descriptor >= 0) {
                close(last[at].descriptor);
                opened--;
            }
        int is_new = at >= count || last[at].pid != pid;
        next[found] = is_new ? (struct process){.pid = pid, .descriptor = -1} : last[at++];
        if (look(&next[found], is_new, now)) {
            found++;
        } else if (!is_new) {
            /* Its number may be another's by now. */
            next[found] = (struct process){.pid = pid, .descriptor = -1};
            found += look(&next[found], 1, now);
        }
    }
    for (; at < count; at++)
        if (last[at].descriptor >= 0) {
            close(last[at].descriptor);
            opened--;
        }
    closedir(folder);
    return found;
}

int main(int count, char **arguments)
{
    int seconds = count == 2 ? atoi(arguments[1]) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: reads_proc SECONDS\n");
        return 2;
    }
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    may_open = limit.rlim_cur / 2 < MOST_OPEN ? (int)(limit.rlim_cur / 2) : MOST_OPEN;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (int turn = 0, found = 0;; turn ^= 1) {
        found = pass(tables[turn], found, tables[turn ^ 1]);
        if (found < 0 || printf("%d %llu\n", found, bytes) < 0 || fflush(stdout))
            return 1;
        due.tv_sec += seconds;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
}
