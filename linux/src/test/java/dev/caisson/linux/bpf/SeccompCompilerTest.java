package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.bpf.SeccompProfile.Comparison;
import dev.caisson.linux.bpf.SeccompProfile.Condition;
import dev.caisson.linux.bpf.SeccompProfile.Rule;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SeccompCompilerTest {
    private static final int ALLOW = SeccompAction.ALLOW.value();
    private static final int KILL = SeccompAction.KILL_PROCESS.value();
    private static final int X64 = SeccompData.AUDIT_ARCH_X86_64;
    private static final int I386 = SeccompData.AUDIT_ARCH_I386;
    private static final List<SyscallAbi> ABIS = List.of(SyscallAbi.X86_64, SyscallAbi.I386, SyscallAbi.X32);
    private static final int X32 = SeccompData.X32_BIT;

    private static int errno(int e) {
        return SeccompAction.ERRNO.value(e);
    }

    private static SeccompProfile profile(SeccompAction byDefault, Set<SyscallAbi> abis, Rule... rules) {
        return new SeccompProfile(byDefault, null, abis, 0, List.of(rules));
    }

    private static Rule allow(String... names) {
        return new Rule(List.of(names), SeccompAction.ALLOW, null, List.of());
    }

    private static Rule rule(SeccompAction action, String name, Condition... conditions) {
        return new Rule(List.of(name), action, null, List.of(conditions));
    }

    private static int run(SeccompProfile profile, int arch, int nr, long... args) throws Exception {
        return BpfInterpreter.run(SeccompCompiler.compile(profile).program(), data(arch, nr, args));
    }

    private static SeccompData data(int arch, int nr, long... args) {
        long[] a = java.util.Arrays.copyOf(args, 6);
        return new SeccompData(nr, arch, 0x1000, a[0], a[1], a[2], a[3], a[4], a[5]);
    }

    @Test
    void unlistedAbisKillTheProcess() throws Exception {
        SeccompProfile p = profile(SeccompAction.ALLOW, Set.of());
        assertThat(run(p, X64, 0)).isEqualTo(ALLOW);
        assertThat(run(p, I386, 3)).isEqualTo(KILL);
        assertThat(run(p, X64, X32)).isEqualTo(KILL);
        // AUDIT_ARCH_AARCH64
        assertThat(run(p, 0xc000_00b7, 0)).isEqualTo(KILL);
    }

    @Test
    void listedAbisHaveNumbersOfTheirOwn() throws Exception {
        SeccompProfile p = profile(
                SeccompAction.ERRNO, Set.of(SyscallAbi.I386, SyscallAbi.X32), allow("read", "rt_sigaction", "mseal"));
        assertThat(run(p, X64, 0)).isEqualTo(ALLOW);
        assertThat(run(p, X64, 3)).isEqualTo(errno(1));
        assertThat(run(p, I386, 3)).isEqualTo(ALLOW);
        assertThat(run(p, I386, 0)).isEqualTo(errno(1));
        assertThat(run(p, X64, X32 | 512)).isEqualTo(ALLOW);
        assertThat(run(p, X64, X32 | 13)).isEqualTo(errno(1));
    }

    @Test
    void numbersAboveTheLargestNamedAreUnknownCalls() throws Exception {
        SeccompProfile p = profile(SeccompAction.ERRNO, Set.of(SyscallAbi.I386), allow("read", "clone3"));
        assertThat(run(p, X64, 434)).isEqualTo(errno(1));
        assertThat(run(p, X64, 435)).isEqualTo(ALLOW);
        assertThat(run(p, X64, 436)).isEqualTo(errno(38));
        assertThat(run(p, X64, 0x3fff_ffff)).isEqualTo(errno(38));
        // A tracer's way to skip a call.
        assertThat(run(p, X64, -1)).isEqualTo(errno(1));
        assertThat(run(p, I386, -1)).isEqualTo(errno(1));
        assertThat(run(p, I386, -2)).isEqualTo(errno(38));
    }

    @Test
    void rulesWithTheDefaultActionCountAsNamed() throws Exception {
        SeccompProfile p = profile(SeccompAction.ERRNO, Set.of(), allow("read"), rule(SeccompAction.ERRNO, "openat2"));
        assertThat(run(p, X64, 437)).isEqualTo(errno(1));
        assertThat(run(p, X64, 438)).isEqualTo(errno(38));
    }

    @ParameterizedTest
    @CsvSource({"ALLOW", "LOG", "TRACE"})
    void permittingDefaultsLetNewCallsThrough(SeccompAction action) throws Exception {
        SeccompProfile p = profile(action, Set.of(), rule(SeccompAction.KILL_THREAD, "read"));
        assertThat(SeccompAction.of(run(p, X64, 5000))).isEqualTo(action);
        assertThat(run(p, X64, 0)).isEqualTo(SeccompAction.KILL_THREAD.value());
    }

    /** The table measured on libseccomp 2.5.4. */
    @Test
    void anUnconditionalRuleBeatsConditionalOnes() throws Exception {
        Condition zero = new Condition(0, Comparison.EQ, 0, 0);
        Rule allowZero = rule(SeccompAction.ALLOW, "personality", zero);
        Rule allowAll = rule(SeccompAction.ALLOW, "personality");
        Rule deny = new Rule(List.of("personality"), SeccompAction.ERRNO, 5, List.of());

        assertThat(run(profile(SeccompAction.KILL_PROCESS, Set.of(), allowZero, deny), X64, 135, 0))
                .isEqualTo(errno(5));
        assertThat(run(profile(SeccompAction.KILL_PROCESS, Set.of(), deny, allowZero), X64, 135, 0))
                .isEqualTo(errno(5));
        assertThat(run(profile(SeccompAction.KILL_PROCESS, Set.of(), allowAll, deny), X64, 135, 0))
                .isEqualTo(ALLOW);
        assertThat(run(profile(SeccompAction.KILL_PROCESS, Set.of(), deny, allowAll), X64, 135, 0))
                .isEqualTo(errno(5));
    }

    @Test
    void conditionsOnOneArgumentAreAlternatives() throws Exception {
        SeccompProfile p = profile(
                SeccompAction.ERRNO,
                Set.of(),
                rule(
                        SeccompAction.ALLOW,
                        "personality",
                        new Condition(0, Comparison.EQ, 8, 0),
                        new Condition(0, Comparison.EQ, 0x20000, 0)),
                rule(
                        SeccompAction.ALLOW,
                        "ioctl",
                        new Condition(0, Comparison.EQ, 1, 0),
                        new Condition(1, Comparison.EQ, 2, 0)));
        assertThat(run(p, X64, 135, 8)).isEqualTo(ALLOW);
        assertThat(run(p, X64, 135, 0x20000)).isEqualTo(ALLOW);
        assertThat(run(p, X64, 135, 0)).isEqualTo(errno(1));
        assertThat(run(p, X64, 16, 1, 2)).isEqualTo(ALLOW);
        assertThat(run(p, X64, 16, 1, 3)).isEqualTo(errno(1));
        assertThat(run(p, X64, 16, 0, 2)).isEqualTo(errno(1));
    }

    @Test
    void socketcallAndIpcAreNoWayRound() throws Exception {
        SeccompProfile deny = profile(
                SeccompAction.ALLOW,
                Set.of(SyscallAbi.I386),
                rule(SeccompAction.KILL_PROCESS, "socket", new Condition(0, Comparison.EQ, 40, 0)),
                rule(SeccompAction.KILL_PROCESS, "shmat"));
        assertThat(run(deny, I386, 102, 1)).isEqualTo(KILL);
        assertThat(run(deny, I386, 102, 2)).isEqualTo(ALLOW);
        assertThat(run(deny, I386, 117, 21)).isEqualTo(KILL);
        assertThat(run(deny, I386, 117, 0x1_0015)).isEqualTo(KILL);
        assertThat(run(deny, I386, 117, 22)).isEqualTo(ALLOW);

        SeccompProfile permit = profile(
                SeccompAction.ERRNO,
                Set.of(SyscallAbi.I386),
                rule(SeccompAction.ALLOW, "bind", new Condition(0, Comparison.EQ, 3, 0)),
                allow("socket"));
        assertThat(run(permit, I386, 102, 1)).isEqualTo(ALLOW);
        assertThat(run(permit, I386, 102, 2)).isEqualTo(errno(1));
    }

    @Test
    void reportsUnknownNamesAndListeners() throws Exception {
        SeccompFilter plain = SeccompCompiler.compile(new SeccompProfile(
                SeccompAction.ERRNO,
                null,
                Set.of(),
                SeccompProfile.FLAG_TSYNC | SeccompProfile.FLAG_LOG | SeccompProfile.FLAG_WAIT_KILLABLE_RECV,
                List.of(allow("read", "frobnicate"), allow("frobnicate"))));
        assertThat(plain.unknownNames()).containsExactly("frobnicate");
        assertThat(plain.listener()).isFalse();
        assertThat(plain.flags()).isEqualTo(SeccompProfile.FLAG_LOG);

        SeccompFilter notify = SeccompCompiler.compile(new SeccompProfile(
                SeccompAction.ALLOW,
                null,
                Set.of(),
                SeccompProfile.FLAG_WAIT_KILLABLE_RECV,
                List.of(rule(SeccompAction.NOTIFY, "mount"))));
        assertThat(notify.listener()).isTrue();
        assertThat(notify.flags()).isEqualTo(SeccompProfile.FLAG_NEW_LISTENER | SeccompProfile.FLAG_WAIT_KILLABLE_RECV);
    }

    @Test
    void refusesWhatCannotWork() {
        assertThatThrownBy(() -> SeccompCompiler.compile(profile(SeccompAction.NOTIFY, Set.of())))
                .isInstanceOf(InvalidProfileException.class)
                .hasMessage("notify cannot be the default action");
        assertThatThrownBy(() -> SeccompCompiler.compile(
                        profile(SeccompAction.ALLOW, Set.of(), rule(SeccompAction.NOTIFY, "write"))))
                .hasMessage("notify cannot be used for write");
        assertThatThrownBy(() ->
                        SeccompCompiler.compile(new SeccompProfile(SeccompAction.ERRNO, 4096, Set.of(), 0, List.of())))
                .hasMessage("4096 is not an errno");
        Condition[] many = new Condition[3000];
        for (int i = 0; i < many.length; i++) {
            many[i] = new Condition(0, Comparison.EQ, i, 0);
        }
        assertThatThrownBy(() -> SeccompCompiler.compile(
                        profile(SeccompAction.ERRNO, Set.of(), rule(SeccompAction.ALLOW, "ioctl", many))))
                .isInstanceOf(InvalidProfileException.class)
                .hasMessage("seccomp profile needs more than 4096 instructions");
    }

    /** A profile of a few megabytes must cost no more than the longest program that is possible. */
    @Test
    void hugeProfilesAreRefusedEarly() {
        List<Rule> rules = new ArrayList<>();
        for (int i = 0; i < 60_000; i++) {
            rules.add(rule(SeccompAction.ALLOW, "ioctl", new Condition(1, Comparison.EQ, i, 0)));
        }
        SeccompProfile huge = new SeccompProfile(SeccompAction.ERRNO, null, Set.of(), 0, rules);
        Assertions.assertTimeoutPreemptively(
                Duration.ofSeconds(10),
                () -> assertThatThrownBy(() -> SeccompCompiler.compile(huge))
                        .isInstanceOf(InvalidProfileException.class));
    }

    /** Shaped like Docker's default: nearly everything by name, some calls by argument. */
    private static SeccompProfile dockerLike() {
        List<String> names = new ArrayList<>();
        for (int nr = 0; nr <= 450; nr++) {
            String name = SyscallTable.name(SyscallAbi.X86_64, nr);
            if (name != null && nr % 9 != 5 && nr != 135 && nr != 56 && nr != 41) {
                names.add(name);
            }
        }
        return profile(
                SeccompAction.ERRNO,
                Set.of(SyscallAbi.I386, SyscallAbi.X32),
                new Rule(names, SeccompAction.ALLOW, null, List.of()),
                rule(SeccompAction.ALLOW, "personality", new Condition(0, Comparison.EQ, 0, 0)),
                rule(SeccompAction.ALLOW, "personality", new Condition(0, Comparison.EQ, 0xffff_ffffL, 0)),
                rule(SeccompAction.ALLOW, "socket", new Condition(0, Comparison.NE, 40, 0)),
                rule(SeccompAction.ALLOW, "clone", new Condition(0, Comparison.MASKED_EQ, 0x7e02_0000, 0)),
                new Rule(List.of("clone3"), SeccompAction.ERRNO, 38, List.of()));
    }

    @Test
    void aProfileLikeDockersMeansWhatItSays() throws Exception {
        SeccompFilter filter = SeccompCompiler.compile(dockerLike());
        assertThat(filter.program().size()).isLessThan(1500);
        SeccompEvaluator.compare(dockerLike(), filter.program(), new SplittableRandom(1));
    }

    /** The default outcome lies above the largest number, where a profile that names nothing has no unknown calls. */
    @Test
    void anEmptyProfileHasOnlyItsDefault() throws Exception {
        SeccompProfile p = profile(SeccompAction.KILL_THREAD, Set.of());
        assertThat(run(p, X64, 0)).isEqualTo(SeccompAction.KILL_THREAD.value());
        assertThat(run(p, X64, 9999)).isEqualTo(SeccompAction.KILL_THREAD.value());
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, -20261124})
    void randomProfilesMeanWhatTheySay(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 8; i++) {
            SeccompProfile p = randomProfile(random);
            SeccompEvaluator.compare(p, SeccompCompiler.compile(p).program(), random);
        }
    }

    private static SeccompProfile randomProfile(SplittableRandom random) {
        SeccompAction[] actions = {
            SeccompAction.ALLOW,
            SeccompAction.ERRNO,
            SeccompAction.KILL_THREAD,
            SeccompAction.TRAP,
            SeccompAction.TRACE,
            SeccompAction.LOG
        };
        List<Rule> rules = new ArrayList<>();
        for (int i = random.nextInt(40); i > 0; i--) {
            List<Condition> conditions = new ArrayList<>();
            for (int j = Math.max(0, random.nextInt(-2, 4)); j > 0; j--) {
                Comparison[] all = Comparison.values();
                conditions.add(new Condition(
                        random.nextInt(6),
                        all[random.nextInt(all.length)],
                        SeccompEvaluator.interestingValue(random),
                        SeccompEvaluator.interestingValue(random)));
            }
            List<String> names = new ArrayList<>();
            for (int j = random.nextInt(1, conditions.isEmpty() ? 40 : 6); j > 0; j--) {
                SyscallAbi abi = ABIS.get(random.nextInt(ABIS.size()));
                String name = SyscallTable.name(abi, random.nextInt(SyscallTable.largest(abi) + 1));
                names.add(name == null ? "socket" : name);
            }
            SeccompAction action = actions[random.nextInt(actions.length)];
            rules.add(new Rule(names, action, random.nextBoolean() ? null : random.nextInt(4096), conditions));
        }
        Set<SyscallAbi> abis = switch (random.nextInt(4)) {
            case 0 -> Set.of();
            case 1 -> Set.of(SyscallAbi.I386);
            case 2 -> Set.of(SyscallAbi.X32);
            default -> Set.of(SyscallAbi.I386, SyscallAbi.X32);
        };
        return new SeccompProfile(actions[random.nextInt(actions.length)], null, abis, 0, rules);
    }

    @Test
    void behindOneProgramAnotherDecidesWhatThatAllows() throws Exception {
        BpfProgram first = SeccompCompiler.compile(profile(
                        SeccompAction.ALLOW,
                        Set.of(SyscallAbi.X86_64),
                        rule(SeccompAction.ERRNO, "mkdir"),
                        rule(SeccompAction.KILL_PROCESS, "uname", new Condition(1, Comparison.EQ, 7, 0))))
                .program();
        BpfProgram second = SeccompCompiler.compile(
                        profile(SeccompAction.TRAP, Set.of(SyscallAbi.X86_64), allow("read", "mkdir", "uname")))
                .program();
        BpfProgram both = first.inFrontOf(second, answer -> answer == ALLOW);
        for (int arch : new int[] {X64, I386}) {
            for (int nr = -1; nr < 500; nr++) {
                for (long arg : new long[] {0, 7}) {
                    SeccompData call = data(arch, nr, 0, arg);
                    int alone = BpfInterpreter.run(first, call);
                    int expected = alone == ALLOW ? BpfInterpreter.run(second, call) : alone;
                    assertThat(BpfInterpreter.run(both, call))
                            .as("call %s", call)
                            .isEqualTo(expected);
                }
            }
        }
    }
}
