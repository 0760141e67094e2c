package dev.caisson.linux;

/**
 * The error numbers of Linux on x86-64 (asm-generic/errno-base.h and errno.h, the same on arm64), plus the one number above
 * them that bpf(2) is known to return.
 */
public enum Errno {
    // spotless:off
    /** No error; what strerror(0) calls it. */
    SUCCESS(0),
    EPERM(1),
    ENOENT(2),
    ESRCH(3),
    EINTR(4),
    EIO(5),
    ENXIO(6),
    E2BIG(7),
    ENOEXEC(8),
    EBADF(9),
    ECHILD(10),
    EAGAIN(11),
    ENOMEM(12),
    EACCES(13),
    EFAULT(14),
    ENOTBLK(15),
    EBUSY(16),
    EEXIST(17),
    EXDEV(18),
    ENODEV(19),
    ENOTDIR(20),
    EISDIR(21),
    EINVAL(22),
    ENFILE(23),
    EMFILE(24),
    ENOTTY(25),
    ETXTBSY(26),
    EFBIG(27),
    ENOSPC(28),
    ESPIPE(29),
    EROFS(30),
    EMLINK(31),
    EPIPE(32),
    EDOM(33),
    ERANGE(34),
    EDEADLK(35),
    ENAMETOOLONG(36),
    ENOLCK(37),
    ENOSYS(38),
    ENOTEMPTY(39),
    ELOOP(40),
    ENOMSG(42),
    EIDRM(43),
    ECHRNG(44),
    EL2NSYNC(45),
    EL3HLT(46),
    EL3RST(47),
    ELNRNG(48),
    EUNATCH(49),
    ENOCSI(50),
    EL2HLT(51),
    EBADE(52),
    EBADR(53),
    EXFULL(54),
    ENOANO(55),
    EBADRQC(56),
    EBADSLT(57),
    EBFONT(59),
    ENOSTR(60),
    ENODATA(61),
    ETIME(62),
    ENOSR(63),
    ENONET(64),
    ENOPKG(65),
    EREMOTE(66),
    ENOLINK(67),
    EADV(68),
    ESRMNT(69),
    ECOMM(70),
    EPROTO(71),
    EMULTIHOP(72),
    EDOTDOT(73),
    EBADMSG(74),
    EOVERFLOW(75),
    ENOTUNIQ(76),
    EBADFD(77),
    EREMCHG(78),
    ELIBACC(79),
    ELIBBAD(80),
    ELIBSCN(81),
    ELIBMAX(82),
    ELIBEXEC(83),
    EILSEQ(84),
    ERESTART(85),
    ESTRPIPE(86),
    EUSERS(87),
    ENOTSOCK(88),
    EDESTADDRREQ(89),
    EMSGSIZE(90),
    EPROTOTYPE(91),
    ENOPROTOOPT(92),
    EPROTONOSUPPORT(93),
    ESOCKTNOSUPPORT(94),
    EOPNOTSUPP(95),
    EPFNOSUPPORT(96),
    EAFNOSUPPORT(97),
    EADDRINUSE(98),
    EADDRNOTAVAIL(99),
    ENETDOWN(100),
    ENETUNREACH(101),
    ENETRESET(102),
    ECONNABORTED(103),
    ECONNRESET(104),
    ENOBUFS(105),
    EISCONN(106),
    ENOTCONN(107),
    ESHUTDOWN(108),
    ETOOMANYREFS(109),
    ETIMEDOUT(110),
    ECONNREFUSED(111),
    EHOSTDOWN(112),
    EHOSTUNREACH(113),
    EALREADY(114),
    EINPROGRESS(115),
    ESTALE(116),
    EUCLEAN(117),
    ENOTNAM(118),
    ENAVAIL(119),
    EISNAM(120),
    EREMOTEIO(121),
    EDQUOT(122),
    ENOMEDIUM(123),
    EMEDIUMTYPE(124),
    ECANCELED(125),
    ENOKEY(126),
    EKEYEXPIRED(127),
    EKEYREVOKED(128),
    EKEYREJECTED(129),
    EOWNERDEAD(130),
    ENOTRECOVERABLE(131),
    ERFKILL(132),
    EHWPOISON(133),
    /** A kernel-internal number that reaches user space through bpf(2). */
    ENOTSUPP(524),
    /** Any number that this table does not name. */
    UNKNOWN(-1);
    // spotless:on

    private static final Errno[] BY_NUMBER = byNumber();

    private final int number;

    Errno(int number) {
        this.number = number;
    }

    private static Errno[] byNumber() {
        Errno[] table = new Errno[134];
        for (Errno errno : values()) {
            if (errno.number >= 0 && errno.number < table.length) {
                table[errno.number] = errno;
            }
        }
        return table;
    }

    /** The positive number as the kernel defines it; -1 for {@link #UNKNOWN}. */
    public int number() {
        return number;
    }

    /**
     * What people and callers look for in a message: the C library's text and the name, such as
     * {@code no such file or directory (ENOENT)}. The texts are interface: Podman, Docker and containerd match them.
     */
    public String description() {
        String text = switch (this) {
            case EPERM -> "operation not permitted";
            case ENOENT -> "no such file or directory";
            case ESRCH -> "no such process";
            case EIO -> "input/output error";
            case ENXIO -> "no such device or address";
            case E2BIG -> "argument list too long";
            case ENOEXEC -> "exec format error";
            case EAGAIN -> "resource temporarily unavailable";
            case ENOMEM -> "cannot allocate memory";
            case EACCES -> "permission denied";
            case EBUSY -> "device or resource busy";
            case EEXIST -> "file exists";
            case ENODEV -> "no such device";
            case ENOTDIR -> "not a directory";
            case EISDIR -> "is a directory";
            case EINVAL -> "invalid argument";
            case EMFILE -> "too many open files";
            case ETXTBSY -> "text file busy";
            case ENOSPC -> "no space left on device";
            case EROFS -> "read-only file system";
            case ENAMETOOLONG -> "file name too long";
            case ENOSYS -> "function not implemented";
            case ELOOP -> "too many levels of symbolic links";
            case EUSERS -> "too many users";
            case EOPNOTSUPP -> "operation not supported";
            case ECONNREFUSED -> "connection refused";
            case ETIMEDOUT -> "connection timed out";
            default -> "";
        };
        return text.isEmpty() ? name() : text + " (" + name() + ")";
    }

    /** Whether this is the absence of an error. */
    public boolean ok() {
        return this == SUCCESS;
    }

    /**
     * Finds the name of a number.
     *
     * @param number a positive error number, or 0
     * @return the constant, {@link #UNKNOWN} where the table has none; EWOULDBLOCK is {@link #EAGAIN}, EDEADLOCK is {@link
     *     #EDEADLK}
     */
    @SuppressWarnings("NullAway") // the table has holes at 41 and 58 only, which are checked here
    public static Errno of(int number) {
        if (number == ENOTSUPP.number) {
            return ENOTSUPP;
        }
        if (number < 0 || number >= BY_NUMBER.length || BY_NUMBER[number] == null) {
            return UNKNOWN;
        }
        return BY_NUMBER[number];
    }

    /**
     * The errno behind a failure of java.nio, which keeps only the C library's text.
     *
     * @return {@link #description()} where the text is known, else the exception's own message
     */
    public static String describe(java.io.IOException e) {
        String text = e instanceof java.nio.file.FileSystemException f ? f.getReason() : e.getMessage();
        if (e instanceof java.nio.file.NoSuchFileException) {
            return ENOENT.description();
        }
        if (e instanceof java.nio.file.FileAlreadyExistsException) {
            return EEXIST.description();
        }
        if (e instanceof java.nio.file.AccessDeniedException) {
            return EACCES.description();
        }
        if (text != null) {
            String wanted = text.toLowerCase(java.util.Locale.ROOT) + " (";
            for (Errno errno : values()) {
                if (errno.description().startsWith(wanted)) {
                    return errno.description();
                }
            }
        }
        return text == null ? e.toString() : text;
    }
}
