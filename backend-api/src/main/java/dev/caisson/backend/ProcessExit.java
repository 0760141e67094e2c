package dev.caisson.backend;

import java.time.Instant;

/**
 * How and when a process ended.
 *
 * @param code its exit code, or 128 plus the number of the signal that ended it
 * @param at when it was reaped
 */
public record ProcessExit(int code, Instant at) {
    /** From a status of wait(2). */
    public static ProcessExit ofWaitStatus(int status, Instant at) {
        int signal = status & 0x7f;
        return new ProcessExit(signal == 0 ? (status >> 8) & 0xff : 128 + signal, at);
    }
}
