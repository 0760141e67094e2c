package dev.caisson.trap.limits;

/** What a process or thread may do now, by the text of its /proc/PID/status. Pure. */
public final class EffectiveCapabilities {
    /** To have more than a limit allows (capabilities(7)). */
    public static final int SYS_RESOURCE = 24;

    static final int SYS_NICE = 23;
    private static final String LINE = "CapEff:";

    private EffectiveCapabilities() {}

    /**
     * @param status the text; of one that cannot be read no capability is known
     * @param capability its number
     */
    public static boolean have(String status, int capability) {
        for (String line : status.split("\n", -1)) {
            if (line.startsWith(LINE)) {
                try {
                    return (Long.parseUnsignedLong(line.substring(LINE.length()).strip(), 16) >>> capability & 1) != 0;
                } catch (NumberFormatException e) {
                    return false;
                }
            }
        }
        return false;
    }
}
