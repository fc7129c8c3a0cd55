/* Processes for a machine to have: most sleep, and some do a little work, a millisecond each five
 * seconds, so that their processor time moves from one pass to the next. They say `ready` once all
 * are there, and end with their input, so that none is left over however the bench ends.
 *
 * usage: crowd SLEEPERS WORKERS
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void until_the_input_ends(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
}

static void work(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (poll(&input, 1, 5000) == 0) {
        struct timespec now, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        end.tv_nsec += 1000000;
        do
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        while ((now.tv_sec - end.tv_sec) * 1000000000LL + now.tv_nsec < end.tv_nsec);
    }
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: crowd SLEEPERS WORKERS\n");
        return 2;
    }
    int sleepers = atoi(arguments[1]), workers = atoi(arguments[2]);
    for (int number = 0; number < sleepers + workers; number++) {
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            return 1;
        }
        if (child == 0) {
            if (number < sleepers)
                until_the_input_ends();
            else
                work();
            _exit(0);
        }
    }
    puts("ready");
    fflush(stdout);
    until_the_input_ends();
    return 0;
}
