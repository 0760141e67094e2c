package dev.caisson.namespace.plan;

/**
 * A user's home directory, and the /etc/passwd that it was read from: an exec need not ask the daemon to read the file again when it finds
 * the same one unchanged. What is written to a file later changes its ctime, which nobody can set (inode(7)).
 *
 * @param directory a home directory without control characters
 * @param device of the file: st_dev, as stat(2) has it
 * @param inode st_ino
 * @param changedSeconds st_ctim.tv_sec
 * @param changedNanos st_ctim.tv_nsec
 */
public record KnownHome(String directory, long device, long inode, long changedSeconds, long changedNanos) {
    /** Of a user whom no file names. */
    public static String fallback(long uid) {
        return uid == 0 ? "/root" : "/";
    }
}
