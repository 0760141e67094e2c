package dev.caisson.oci;

import java.util.List;

/**
 * Mount options that the runtime interprets; every other option is data for the file system (runtime-spec "Linux mount options").
 */
public final class MountOptions {
    /** All interpreted options in alphabetical order: the {@code mountOptions} of {@link Features}. */
    public static final List<String> INTERPRETED = List.of(
            "async",
            "atime",
            "bind",
            "copy-symlink",
            "defaults",
            "dest-nofollow",
            "dev",
            "diratime",
            "dirsync",
            "exec",
            "idmap",
            "iversion",
            "lazytime",
            "loud",
            "mand",
            "noatime",
            "nodev",
            "nodiratime",
            "noexec",
            "noiversion",
            "nolazytime",
            "nomand",
            "norelatime",
            "nostrictatime",
            "nosuid",
            "nosymfollow",
            "private",
            "ratime",
            "rbind",
            "rdev",
            "rdiratime",
            "relatime",
            "remount",
            "rexec",
            "ridmap",
            "rnoatime",
            "rnodev",
            "rnodiratime",
            "rnoexec",
            "rnorelatime",
            "rnostrictatime",
            "rnosuid",
            "rnosymfollow",
            "ro",
            "rprivate",
            "rrelatime",
            "rro",
            "rrw",
            "rshared",
            "rslave",
            "rstrictatime",
            "rsuid",
            "rsymfollow",
            "runbindable",
            "rw",
            "shared",
            "silent",
            "slave",
            "src-nofollow",
            "strictatime",
            "suid",
            "symfollow",
            "sync",
            "tmpcopyup",
            "unbindable");

    private MountOptions() {}

    /** Whether an option is for the runtime; otherwise it is data for the file system. */
    public static boolean isInterpreted(String option) {
        return switch (option) {
            case "async", "atime", "bind", "copy-symlink", "defaults", "dest-nofollow", "dev", "diratime", "dirsync" ->
                true;
            case "exec", "idmap", "iversion", "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec" ->
                true;
            case "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow" -> true;
            case "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap" -> true;
            case "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid" -> true;
            case "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime" ->
                true;
            case "rsuid", "rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "src-nofollow" -> true;
            case "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable" -> true;
            // crun's form with mappings in the option itself.
            default -> option.startsWith("idmap=") || option.startsWith("ridmap=");
        };
    }

    /** Whether an option asks for an id-mapped mount. */
    public static boolean isIdmap(String option) {
        return option.equals("idmap")
                || option.equals("ridmap")
                || option.startsWith("idmap=")
                || option.startsWith("ridmap=");
    }
}
